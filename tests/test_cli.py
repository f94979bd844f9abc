"""The command line: what it prints, and the status it ends with."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot import __version__
from bot.cli import main
from bot.config import MAX_LENGTH, PATHS, schema

ROOT = Path(__file__).parent.parent


def run(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A process of its own, in an environment with nothing in it but what is given."""
    needed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "bot", *arguments],
        cwd=cwd,
        env={**needed, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- check-config --------------------------------------------------------------------------------


def test_a_valid_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "depot-bot.yml"
    file.write_text("forks: pinned\naliases: {e2e: run e2e.yml}\n")
    assert main(["check-config", str(file)]) == 0
    assert capsys.readouterr() == (f"{file}: valid\n", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("forks: perhaps\n", "Invalid enum value 'perhaps' - at `$.forks`"),
        ("permissions: {rum: write}\n", "there is no command 'rum' - at `$.permissions`"),
        ("forks: [\n", "not YAML in line 2"),
        ("[]\n", "Expected `object`, got `array`"),
        ("#" * (MAX_LENGTH + 1), f"longer than {MAX_LENGTH} characters"),
    ],
    ids=["value", "verb", "yaml", "shape", "long"],
)
def test_a_broken_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    file = tmp_path / "depot-bot.yml"
    file.write_text(text)
    assert main(["check-config", str(file)]) == 1
    assert capsys.readouterr() == ("", f"{file}: {why}\n")


@pytest.mark.parametrize("kind", ["missing", "folder", "not text"])
def test_a_config_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    file = tmp_path / "depot-bot.yml"
    if kind == "folder":
        file.mkdir()
    elif kind == "not text":
        file.write_bytes(b"forks: \xff\n")
    assert main(["check-config", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{file}: cannot be read: ")
    assert err.count("\n") == 1


def test_without_a_file_it_is_the_repositorys(tmp_path: Path) -> None:
    file = tmp_path / PATHS[0]
    file.parent.mkdir()
    file.write_text("forks: perhaps\n")
    ended = run("check-config", cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == f"{PATHS[0]}: Invalid enum value 'perhaps' - at `$.forks`\n"


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--schema"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == schema()
    assert out == (ROOT / "config/depot-bot.schema.json").read_text()


# --- serve ---------------------------------------------------------------------------------------

COMPLETE = {
    "GITHUB_WEBHOOK_SECRET": "s3cret-words",
    "GITHUB_TOKEN": "ghp_0123456789",
    "DEPOT_TOKEN": "depot-0123456789",
}


def problems(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """What `serve` says is wrong with its settings."""
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    first, *named, last = ended.stderr.splitlines()
    assert first == "depot-bot cannot start with these settings:"
    assert last == "config/env.example explains each of them."
    assert all(line.startswith("  ") for line in named)
    return [line.strip() for line in named]


def test_what_is_missing_is_named_in_one_message_before_the_port_opens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # Were the port touched, it would be said that it is taken.
        port = str(taken.getsockname()[1])
        ended = run("serve", cwd=tmp_path, environment={"PORT": port, "HOST": "127.0.0.1"})
    named = problems(ended)
    assert [line.split()[0] for line in named] == [
        "GITHUB_WEBHOOK_SECRET",
        "GITHUB_APP_ID",
        "DEPOT_TOKEN",
    ]
    assert list(tmp_path.iterdir()) == []  # no ledger either


def test_what_is_wrong_is_named_beside_what_is_missing(tmp_path: Path) -> None:
    environment = {
        **COMPLETE,
        "GITHUB_APP_ID": "41",
        "PORT": "http",
        "LOG_LEVEL": "loud",
        "BOT_CONFIG": "nowhere.toml",
        "DEPOT_TOKEN": "",
    }
    named = "\n".join(problems(run("serve", cwd=tmp_path, environment=environment)))
    for part in (
        "GITHUB_TOKEN and GITHUB_APP_ID are both set",
        "PORT is not a port number",
        "LOG_LEVEL must be one of: debug, info, warning, error",
        "BOT_CONFIG: ",
        "DEPOT_TOKEN is missing",
    ):
        assert part in named
    assert "s3cret" not in named
    assert "ghp_" not in named


def test_an_unknown_key_of_the_operators_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "bot.toml").write_text("[limits]\nper_persom = 3\n")
    environment = {**COMPLETE, "BOT_CONFIG": "bot.toml"}
    (only,) = problems(run("serve", cwd=tmp_path, environment=environment))
    assert only == "bot.toml: Object contains unknown field `per_persom` - at `$.limits`"


def test_a_dotenv_file_is_read_and_the_environment_counts_before_it(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in {**COMPLETE, "PORT": "http"}.items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert problems(run("serve", cwd=tmp_path)) == ["PORT is not a port number"]
    ended = run("serve", cwd=tmp_path, environment={"PORT": "8000", "LOG_FORMAT": "loud"})
    assert problems(ended) == ["LOG_FORMAT must be one of: console, json"]


# --- the rest ------------------------------------------------------------------------------------


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr() == (f"{__version__}\n", "")
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


@pytest.mark.parametrize("arguments", [[], ["sreve"], ["serve", "now"], ["check-config", "a", "b"]])
def test_what_is_no_command_is_told_its_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: depot-bot")


def test_the_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out, _ = capsys.readouterr()
    for verb in ("serve", "check", "demo", "check-config"):
        assert re.search(rf"^ +{verb} ", out, re.MULTILINE)
