"""The demo as a newcomer runs it: another process, its screen, its exit status, what it leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo.play import readable

TOO_LONG = 60.0
"""Seconds of wall clock that the demo stays below."""


@dataclass(frozen=True, slots=True)
class Demo:
    """`python -m bot demo` in a session and with a folder for temporary files of its own."""

    process: subprocess.Popen[str]
    folder: Path

    @classmethod
    def start(cls, folder: Path, **environment: str) -> Demo:
        # In a folder with settings that lead elsewhere: the demo must not follow them.
        (folder / "here").mkdir()
        (folder / "here" / ".env").write_text("GITHUB_TOKEN=a-real-one\n")
        (folder / "tmp").mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "demo"],
            cwd=folder / "here",
            env={
                **os.environ,
                "TMPDIR": str(folder / "tmp"),
                "DEPOT_TOKEN": "another-real-one",
                "HTTP_PROXY": "http://127.0.0.1:9",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return cls(process, folder)

    def read_until(self, text: str) -> str:
        """Wait until this is on the screen; the line it is on."""
        assert self.process.stdout is not None
        line = next((line for line in self.process.stdout if text in line), None)
        assert line is not None, f"never said: {text}"
        return line

    def ends(self) -> str:
        """The rest of what it says, once it has ended; and that nothing is left behind."""
        output, _ = self.process.communicate(timeout=TOO_LONG)
        assert list((self.folder / "tmp").iterdir()) == []
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)  # the bot would be in this process group
        return output


def test_everything_happens_and_nothing_is_left(tmp_path: Path) -> None:
    began = time.monotonic()
    demo = Demo.start(tmp_path)
    output = demo.ends()
    assert demo.process.returncode == 0, output
    assert time.monotonic() - began < TOO_LONG
    said = [line.removeprefix("           │").strip() for line in output.splitlines()]
    assert "/depot run ci.yml job=test" in said
    run = r"Run `(\w+)` of `ci.yml` \(`test`\) on `(\w{7})`: "
    assert re.search(run + "⏸ queued", output)
    assert re.search(run + "✅ passed in", output)
    assert re.search(r"Depot: Run octo/hello \w{7} .*/ci.yml job=test → \w{10}\n", output)
    assert "GitHub: signed webhook → 202" in output
    assert "needs the `write` role in this repository; you have `read`." in output
    assert "There is no command `rum`. Did you mean `/depot run ci.yml`?" in output
    assert re.search(r"alice pushes \w{7}: ", output)
    assert re.search(r"Run `\w+` of `e2e.yml` on `\w{7}`: ❌ failed: `\w+`, ", output)
    assert "Depot's answer to the start was lost; this is the run it made." in said
    assert "- Attempt 1: ❌ failed: `browser`, in 1 s" in said
    assert re.search(r"e2e.yml` on `\w{7}`: ✅ passed \(attempt 2, asked for by `maya`\)", output)
    assert re.search(r"│ @maya: Run `\w+` of `e2e.yml` on `\w{7}`: ❌ failed: `browser`, ", output)
    assert re.search(r"depot-bot\[bot\]: 😕 on #5 after ", output)
    assert "8 comments, 9 commands, 5 runs" in output
    assert output.count("✓") == 11
    assert "README.md" in said[-2]
    # It fits a plain page.
    assert max(map(len, output.splitlines())) <= 100
    assert "\x1b" not in output
    assert "<!--" not in output


def test_a_bot_that_does_not_start_is_a_clear_failure(tmp_path: Path) -> None:
    demo = Demo.start(tmp_path, LOG_LEVEL="chatty")
    output = demo.ends()
    assert demo.process.returncode == 1, output
    assert "The bot stopped with exit status 2." in output
    assert "LOG_LEVEL must be one of: debug, info, warning, error" in output
    assert "Traceback" not in output


def test_a_bot_that_dies_is_a_clear_failure(tmp_path: Path) -> None:
    demo = Demo.start(tmp_path)
    pid = re.search(r"process (\d+)", demo.read_until("python -m bot serve"))
    assert pid is not None
    demo.read_until("depot-bot[bot] replies to #1")
    os.kill(int(pid[1]), signal.SIGKILL)
    output = demo.ends()
    assert demo.process.returncode == 1, output
    assert "The bot stopped with exit status -9." in output
    assert "The end of its log:" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_at_any_time(tmp_path: Path, number: signal.Signals) -> None:
    demo = Demo.start(tmp_path)
    demo.read_until("depot-bot[bot] replies to #1")
    demo.process.send_signal(number)
    output = demo.ends()
    assert demo.process.returncode == 130, output
    assert "Stopped." in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("", []),
        ("one\r\ntwo", ["one", "two"]),
        ("Run [`x1`](https://depot.dev/orgs/o/x1): queued.", ["Run `x1`: queued."]),
        ('seen\n\n<!-- depot-bot {"a":1} -->', ["seen"]),
        (
            "<details><summary>Log</summary>\n\n```\n" + "line\n" * 16 + "```\n\n</details>\n\nEnd",
            ["▾ Log", *["  line"] * 14, "  … 2 more lines", "End"],
        ),
        ("| a | b |\n|---|---|\n| long | c |", ["  a      b", "  long   c"]),
        ("a `code that stays`", ["a", "`code that stays`"]),
        ("> `/depot a`\n\none\n\n> `/depot b`", ["> `/depot a`", "one", "", "> `/depot b`"]),
    ],
)
def test_a_comment_is_readable(markdown: str, shown: list[str]) -> None:
    assert readable(markdown, width=18) == shown
