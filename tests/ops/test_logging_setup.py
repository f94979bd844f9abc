"""What stands in the log: one line each, in one form, whatever others wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import __version__
from bot.ops.audit import EVENTS
from tests.crash.harness import running, scene

HOSTILE = "run ci.yml\n\x1b[2J\x1b]0;title\x07\r\u202e{}\u2028forged \x00" + "x" * 5000

LOGS = f"""
import logging, sys, warnings
import structlog
from bot.core.reasons import Reason
from bot.ops.logging_setup import set_up_logging

set_up_logging("info", sys.argv[1])
log = structlog.get_logger()
hostile = {HOSTILE!r}
log.info("command_received", command=hostile, error=hostile, pull_request=7, reason=Reason.STARTED)
log.info("reply_posted", commands=[hostile] * 50, run_ids=["r1"], duration=0.25, job=None)
try:
    raise ValueError(hostile)
except ValueError:
    log.exception("step_failed", error=ValueError(hostile))
logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("asyncio").exception(hostile)
warnings.warn("something is old")
log.debug("not_shown")
"""


def logged(format: str, **environment: str) -> str:
    """What stands in the log, which is no terminal."""
    done = subprocess.run(
        [sys.executable, "-c", LOGS, format],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stderr


def printed(**environment: str) -> str:
    """The same on a terminal."""
    reader, writer = os.openpty()
    surroundings = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [sys.executable, "-c", LOGS, ""], env={**surroundings, **environment}, stderr=writer
    ) as process:
        os.close(writer)
        text = b""
        try:
            while chunk := os.read(reader, 65536):
                text += chunk
        except OSError:  # so Linux says that nobody has the terminal open any more
            pass
        os.close(reader)
    assert process.returncode == 0
    return text.decode()


def test_one_line_of_json_each_whatever_is_in_it() -> None:
    text = logged("json")
    lines = [json.loads(line) for line in text.splitlines()]
    received, posted, failed, uvicorn, asyncio, warned = lines
    assert all(line.keys() >= {"event", "level", "timestamp"} for line in lines)
    assert received["event"] == "command_received"
    assert received["command"].startswith("run ci.yml {}forged xxx")
    assert len(received["command"]) == 200
    assert len(received["error"]) == 1000
    assert (received["pull_request"], received["reason"]) == (7, "started")
    assert {len(one) for one in posted["commands"]} == {200}
    assert len(posted["commands"]) == 20
    assert (posted["run_ids"], posted["duration"], posted["job"]) == (["r1"], 0.25, None)
    assert failed["exception"].startswith("Traceback (most recent call last):\n")
    assert len(failed["error"]) == 1000
    assert uvicorn == {
        "event": "library_message",
        "level": "info",
        "logger": "uvicorn.error",
        "message": "Started server process [7]",
        "timestamp": uvicorn["timestamp"],
    }
    assert (asyncio["event"], asyncio["level"]) == ("library_message", "error")
    assert "ZeroDivisionError" in asyncio["exception"]
    assert (warned["logger"], warned["level"]) == ("py.warnings", "warning")
    assert "something is old" in warned["message"]
    for line in lines:
        assert not set(str(line)) & set("\x1b\x00\x07\r\u202e\u2028"), line


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}])
def test_no_colours_where_there_is_no_terminal(environment: dict[str, str]) -> None:
    assert "\x1b" not in logged("console", **environment)


def test_colours_on_a_terminal_unless_they_are_not_wanted() -> None:
    assert "\x1b[" in printed()
    assert "\x1b[" in printed(NO_COLOR="")
    plain = printed(NO_COLOR="1")
    assert "\x1b" not in plain
    assert "command_received" in plain
    first = next(line for line in plain.splitlines() if "command_received" in line)
    assert "forged" in first  # all of it on one line


@pytest.mark.anyio
async def test_the_first_line_says_which_bot_it_is(tmp_path: Path, private_key: str) -> None:
    async with (
        scene(tmp_path / "scene", private_key) as around,
        running(around.environment, tmp_path) as bot,
        httpx.AsyncClient(trust_env=False, base_url=bot.url) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        lines: list[dict[str, Any]] = [
            json.loads(line) for line in bot.log.read_text().splitlines()
        ]
    (started,) = [line for line in lines if line["event"] == "bot_started"]
    (event,) = [event for event in EVENTS if event.name == "bot_started"]
    assert set(started) == {*event.fields, "event", "level", "timestamp"}
    assert started["version"] == __version__
    assert started["account"].startswith("app ")
    assert started["address"] == bot.url
    assert started["ledger"].endswith("ledger.db")
    assert {line.get("logger") for line in lines} == {None, "uvicorn.error"}
