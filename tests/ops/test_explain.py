"""What a stored delivery would lead to. The deliveries are the simulated GitHub's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import COMMANDS
from bot.commands.run import RunArguments
from bot.core.types import Permission
from bot.demo.simulators.github import Delivery, SimulatedGitHub
from bot.ops.explain import Reading, Replay, Unreadable, replay, stored
from bot.parsing.comments import MAX_COMMANDS
from tests.support.conversation import REPO

YAML = "```yaml\njobs: {}\n```\n"


def last(github: SimulatedGitHub) -> Delivery:
    return github.pending_deliveries[-1]


def kept(delivery: Delivery, **headers: Any) -> bytes:
    """As `GET /app/hook/deliveries/{id}` has it under `request`."""
    given = {
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Delivery": delivery.guid,
        "X-Hub-Signature-256": "sha256=0",
        "content-type": "application/json",
        **headers,
    }
    return msgspec.json.encode({"headers": given, "payload": msgspec.Raw(delivery.body)})


def played(delivery: Delivery, **headers: Any) -> Replay:
    return replay(stored(kept(delivery, **headers)), COMMANDS)


def commented(github: SimulatedGitHub, body: str, login: str = "alice") -> Replay:
    github.comment(REPO, 1, login, body)
    return played(last(github))


def only(found: Replay) -> Reading:
    (reading,) = found.commands
    return reading


# --- what it says --------------------------------------------------------------------------------


def test_a_command_and_what_it_needs(github: SimulatedGitHub) -> None:
    found = commented(github, "/depot run ci.yml job=test")
    assert found.event == "issue_comment"
    assert found.what.startswith(f"a comment by alice on {REPO}#1, written ")
    reading = only(found)
    assert reading.command == RunArguments(("ci.yml",), job="test")
    assert (reading.spelled, reading.needs, reading.misread) == (
        "run ci.yml job=test",
        Permission.WRITE,
        "",
    )


@pytest.mark.parametrize("verb", COMMANDS)
def test_each_command_by_its_table(github: SimulatedGitHub, verb: str) -> None:
    reading = only(commented(github, f"/depot {COMMANDS[verb].examples[0]}"))
    assert isinstance(reading.command, COMMANDS[verb].arguments)
    assert reading.needs is COMMANDS[verb].required_permission


def test_inline_yaml_needs_more(github: SimulatedGitHub) -> None:
    found = commented(github, f"/depot run\n{YAML}")
    assert only(found).needs is Permission.MAINTAIN
    assert "1. /depot run (and a YAML block)" in list(found.lines())
    assert "   needs:   the maintain role" in list(found.lines())


def test_two_blocks_below_a_named_workflow_are_talk(github: SimulatedGitHub) -> None:
    found = commented(github, f"/depot run ci.yml\n{YAML}{YAML}")
    assert only(found).needs is Permission.WRITE
    assert "1. /depot run ci.yml (and 2 blocks)" in list(found.lines())


def test_a_misreading_is_its_sentence(github: SimulatedGitHub) -> None:
    found = commented(github, "/depot rum ci.yml\n/depot help")
    wrong, right = found.commands
    assert wrong.command is None
    assert wrong.misread == "There is no command `rum`. Did you mean `/depot run ci.yml`?"
    assert "   needs:   nothing: anyone may" in list(found.lines())
    assert right.misread == ""


def test_too_many_commands(github: SimulatedGitHub) -> None:
    found = commented(github, "/depot list\n" * (MAX_COMMANDS + 1))
    assert len(found.commands) == MAX_COMMANDS
    assert any("Nothing of this one was done" in note for note in found.notes)


def test_a_bot_is_said_to_be_one(github: SimulatedGitHub) -> None:
    github.comment(REPO, 1, "alice", "/depot list")
    payload = last(github).payload
    payload["comment"]["user"] = payload["sender"] = {"login": "x[bot]", "type": "Bot"}
    found = replay(stored(msgspec.json.encode(payload), "issue_comment"), COMMANDS)
    assert any("x[bot] is a bot" in note for note in found.notes)


def test_a_review_is_pinned_and_an_approval_may_be_followed(github: SimulatedGitHub) -> None:
    github.review(REPO, 1, "maya", "/depot run ci.yml", "approved")
    found = played(last(github))
    head = github.pull(REPO, 1).head_sha
    assert found.what.startswith("a review by maya")
    assert only(found).needs is Permission.WRITE
    assert f"What it runs is the commit that was reviewed: {head}." in found.notes
    assert any("review_approved by maya, into main" in note for note in found.notes)


def test_an_approval_without_words(github: SimulatedGitHub) -> None:
    github.review(REPO, 1, "maya", "", "approved")
    found = played(last(github))
    assert found.what == f"something happened to {REPO}#1"
    assert found.commands == ()


def test_a_label(github: SimulatedGitHub) -> None:
    github.label(REPO, 1, "full-ci", by="trudy")
    found = played(last(github))
    assert found.what == f"something happened to {REPO}#1"
    (note,) = found.notes
    assert note == f"Automations of {REPO} may follow on it: labeled full-ci by trudy, into main."


def test_a_head(github: SimulatedGitHub) -> None:
    github.push(REPO, 1, {"a": "b"}, message="more", by="alice")
    found = played(last(github))
    head = github.pull(REPO, 1).head_sha
    assert f"the head of {REPO}#1 is {head}, in the repository itself" in found.what
    assert any("synchronize by alice" in note for note in found.notes)


def test_a_check() -> None:
    payload = {
        "check_run": {"head_sha": "a" * 40, "app": {"slug": "depot-code-access"}},
        "repository": {"full_name": REPO},
    }
    found = replay(stored(msgspec.json.encode(payload), "check_run"), COMMANDS)
    assert found.what == f"Depot's check on {REPO} at {'a' * 40} moved: its run is looked at"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("thanks!", "no line in it begins with /depot"),
        ("> /depot run", "no line in it begins with /depot"),
    ],
)
def test_what_is_ignored(github: SimulatedGitHub, body: str, why: str) -> None:
    found = commented(github, body)
    assert found.what.startswith(f"ignored: {why}")
    assert list(found.lines()) == [f"issue_comment: {found.what}"]


def test_an_event_that_is_not_read(github: SimulatedGitHub) -> None:
    found = replay(stored(b"{}", "star"), COMMANDS)
    assert found.what == "ignored: the bot does not read this event"


def test_what_the_door_turns_away(github: SimulatedGitHub) -> None:
    github.comment(REPO, 1, "alice", "/depot list")
    wrong_type = {"content-type": "application/x-www-form-urlencoded"}
    assert played(last(github), **wrong_type).what.startswith("turned away with 415: ")
    assert replay(stored(b"{}", "issue_comment"), COMMANDS).what.startswith("turned away with 400")


# --- the files -----------------------------------------------------------------------------------


def test_githubs_whole_answer_about_a_delivery(github: SimulatedGitHub) -> None:
    github.comment(REPO, 1, "alice", "/depot list")
    request = kept(last(github))
    whole = {"id": 1, "event": "issue_comment", "request": msgspec.Raw(request), "response": {}}
    assert stored(msgspec.json.encode(whole)) == stored(request)


def test_the_event_that_is_told_counts_first(github: SimulatedGitHub) -> None:
    github.comment(REPO, 1, "alice", "/depot list")
    assert replay(stored(kept(last(github)), "star"), COMMANDS).event == "star"


def test_headers_in_any_case() -> None:
    for name in ("X-GitHub-Event", "x-github-event", "X-Github-Event"):
        found = stored(msgspec.json.encode({"headers": {name: "star"}, "payload": {}}))
        assert found.headers.get("x-github-event") == "star"
        assert found.body == b"{}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no delivery in JSON"),
        (b"x", "no delivery in JSON"),
        (b"\xff", "no delivery in JSON"),
        (b"[]", "no delivery in JSON"),
        (b"[" * 100_000, "no delivery in JSON"),
        (b'{"headers": 1}', "no delivery in JSON"),
        (b"{}", "it does not say which event it is"),
        (b'{"headers": {}, "payload": {}}', "it does not say which event it is"),
        (b'{"headers": {"X-GitHub-Event": "star"}}', "it holds no payload"),
        (b'{"headers": {"X-GitHub-Event": "star"}, "payload": null}', "it holds no payload"),
        (b'{"request": {"headers": null, "payload": {}}}', "it does not say which event it is"),
    ],
)
def test_what_is_no_delivery(text: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        stored(text)


@given(st.text())
def test_every_comment_can_be_replayed(body: str) -> None:
    payload = {
        "action": "created",
        "issue": {"number": 7, "pull_request": {}},
        "comment": {
            "id": 1,
            "html_url": "",
            "user": {"login": "alice"},
            "body": f"/depot {body}",
            "created_at": "2026-11-24T10:00:00Z",
        },
        "repository": {"full_name": REPO},
        "sender": {"login": "alice"},
    }
    text = msgspec.json.encode({"headers": {"X-GitHub-Event": "issue_comment"}, "payload": payload})
    assert list(replay(stored(text), COMMANDS).lines())
