"""What the log tells of a command's life: each step once, with who, where, what and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.ops.audit import EVENTS
from tests.engine.test_automations import on
from tests.support.commands import runs_on, said, stands
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import rules

pytestmark = pytest.mark.anyio

Line = dict[str, Any]

FIELDS = {event.name: set(event.fields) for event in EVENTS}
LEVELS = {"upstream_trouble_began": "warning"}

MAY_LACK = {"workflow", "job"}
"""Of a run of all workflows, or of all jobs."""


@contextmanager
def audited() -> Iterator[list[Line]]:
    """The lines of commands' lives that are logged meanwhile: each has the fields that its event
    is said to have."""
    life: list[Line] = []
    with capture_logs([merge_contextvars]) as logs:
        yield life
    for line in logs:
        event, level = line.pop("event"), line.pop("log_level")
        if event in FIELDS:
            assert set(line) <= FIELDS[event], (event, line)
            assert FIELDS[event] - MAY_LACK <= set(line), (event, line)
            assert level == LEVELS.get(event, "info")
            life.append({"event": event, **line})


def names(life: list[Line]) -> list[str]:
    return [line["event"] for line in life]


async def test_a_run_from_its_command_to_its_end(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(seconds=30, outcome="failed", job="test")
    with audited() as life:
        comment = await pr.says("alice", "/depot run ci.yml job=test")
        await pr.passes(120)
    (run,) = depot.runs
    received, started, posted, *edited, ended, last, mentioned = life
    assert names(life) == [
        "command_received",
        "run_started",
        "reply_posted",
        *["reply_edited"] * len(edited),
        "run_ended",
        "reply_edited",
        "mention_posted",
    ]
    assert edited
    where = {
        "work_item": f"ic-{comment.id}",
        "repo": REPO,
        "pull_request": 1,
        "actor": "alice",
    }
    which = {"command_id": f"ic-{comment.id}.1", "command": "run ci.yml job=test"}
    what = {"run_id": run.run_id, "workflow": "ci.yml", "job": "test", "sha": pr.head}
    assert received == {"event": "command_received", **where, **which}
    assert started == {
        "event": "run_started",
        **where,
        **which,
        **what,
        "state": "queued",
        "duration": 0.0,
    }
    assert ended == {
        "event": "run_ended",
        **where,
        **which,
        **what,
        "state": "failed",
        "duration": ended["duration"],
    }
    assert 25 <= ended["duration"] <= 35
    reply = {
        "command_ids": [which["command_id"]],
        "commands": [which["command"]],
        "run_ids": [run.run_id],
        "reply_id": said(pr)[0].id,
    }
    assert posted == {
        "event": "reply_posted",
        **where,
        **reply,
        "state": "following",
        "duration": 0.0,
    }
    assert last == {
        "event": "reply_edited",
        **where,
        **reply,
        "state": "done",
        "duration": last["duration"],
    }
    assert last["duration"] > 30
    assert mentioned["actor"] == "alice"
    text = pr.services.metrics.text(None).decode()
    assert "depot_bot_webhook_to_run_seconds_count 1.0" in text
    assert "depot_bot_webhook_to_reply_seconds_count 1.0" in text
    assert 'depot_bot_runs_ended_total{state="failed"} 1.0' in text
    pr.reply()
    pr.last_edit()


async def test_each_command_of_a_comment_has_its_own_lines(pr: Conversation) -> None:
    with audited() as life:
        comment = await pr.says("rita", "please\n\n/depot run ci.yml\n/depot status\n/depot rum")
    assert [(line["event"], line.get("command"), line.get("reason")) for line in life] == [
        ("command_received", "run ci.yml", None),
        ("command_received", "status", None),
        ("command_received", "rum", None),
        ("command_refused", "run ci.yml", "not-a-writer"),
        ("command_done", "status", "answered"),
        ("command_refused", "rum", "misread"),
        ("reply_posted", None, None),
    ]
    assert life[-1]["commands"] == ["run ci.yml", "status", "rum"]
    assert life[-1]["command_ids"] == [f"ic-{comment.id}.{place}" for place in (1, 2, 3)]
    assert {line["actor"] for line in life} == {"rita"}
    pr.reply()


@pytest.mark.parametrize("text", ["/depot run ci.yml", "please\n\n/depot run ci.yml\n"])
async def test_what_is_tried_again_is_received_once(
    pr: Conversation, github: SimulatedGitHub, text: str
) -> None:
    away = github.faults.bad_gateway("*", "", times=None)
    with audited() as life:
        await pr.says("alice", text)
        await pr.passes(60)
        away.lift()
        await pr.passes(120)
    _, began, _, started, posted, *later = life
    assert names(life[:5]) == [
        "command_received",
        "upstream_trouble_began",
        "upstream_trouble_ended",
        "run_started",
        "reply_posted",
    ]
    assert (began["service"], began["reason"]) == ("github", "502")
    assert "command_received" not in names(later)
    assert started["duration"] >= 60
    assert posted["duration"] >= 60
    pr.reply()
    while pr.unread():
        pr.edited()


async def test_a_reply_whose_posting_was_not_answered_is_told_of(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    github.faults.lose_answer("POST", "/issues/1/comments")
    with audited() as life:
        await pr.says("rita", "/depot help")
        await pr.passes(60)
    assert names(life)[:2] == ["command_received", "command_done"]
    (posted,) = [line for line in life if line["event"] == "reply_posted"]
    assert posted["reply_id"] == said(pr)[0].id
    assert "depot_bot_webhook_to_reply_seconds_count 1.0" in (
        pr.services.metrics.text(None).decode()
    )
    pr.reply()


async def test_who_cancels_what(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    with audited() as life:
        await pr.says("maya", "/depot cancel")
        await pr.passes(60)
    done = next(line for line in life if line["event"] == "command_done")
    assert (done["actor"], done["command"]) == ("maya", "cancel")
    assert (done["reason"], done["run_ids"]) == ("cancelled", [run.run_id])
    (ended,) = [line for line in life if line["event"] == "run_ended"]
    # It is the run of who started it.
    assert (ended["actor"], ended["command"], ended["state"]) == (
        "alice",
        "run ci.yml",
        "cancelled",
    )
    pr.reply()
    pr.last_edit()


async def test_a_run_that_goes_again_ends_again(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    with audited() as life:
        await pr.says("alice", "/depot run ci.yml")
        pr.reply()
        await pr.passes(60)
        await pr.says("maya", "/depot retry")
        pr.reply()
        await pr.passes(120)
    ends = [line["state"] for line in life if line["event"] == "run_ended"]
    assert ends == ["failed", "finished"]
    text = pr.services.metrics.text(None).decode()
    assert 'depot_bot_runs_ended_total{state="failed"} 1.0' in text
    assert 'depot_bot_runs_ended_total{state="finished"} 1.0' in text
    stands(pr)


async def test_what_goes_again_by_rule(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, "retry: [{workflow: ci.yml, attempts: 2}]\n")
    depot.plan(job="test", attempt=1, outcome="failed")
    with audited() as life:
        await pr.says("alice", "/depot run ci.yml")
        pr.reply()
        await pr.passes(120)
    of_runs = [(line["event"], line.get("state")) for line in life if "run_id" in line]
    assert of_runs == [
        ("run_started", "queued"),
        ("run_ended", "failed"),
        ("run_retried_by_rule", None),
        ("run_ended", "finished"),
    ]
    stands(pr)


async def test_what_an_event_sets_off(pr: Conversation, github: SimulatedGitHub) -> None:
    await rules(pr, on("on: labeled, do: run ci.yml"))
    with audited() as life:
        github.label(REPO, 1, "full-ci", by="alice")
        await pr.settles()
    assert names(life) == ["command_received", "run_started", "reply_posted"]
    assert {line["actor"] for line in life} == {"alice"}
    assert life[0]["command"] == "run ci.yml"
    assert life[0]["work_item"].startswith("ev-")
    pr.reply()


async def test_nothing_is_said_of_a_comment_without_a_command(pr: Conversation) -> None:
    with audited() as life:
        await pr.says("alice", "just\n\n```\n/depot run ci.yml\n```\n")
    assert life == []
