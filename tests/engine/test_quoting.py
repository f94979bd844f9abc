"""What is quoted from a run that failed: to whom, and in which repositories."""

from __future__ import annotations

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from tests.support.commands import reason, said
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import CONFIG_TIME, hears_all, rules

pytestmark = pytest.mark.anyio

LOG = "assert total == 3"
DIAGNOSIS = "It counts wrong."
SHOW = "show: [diagnosis, logs]\n"


@pytest.fixture(autouse=True)
def public(pr: Conversation) -> None:
    pr.github.repository_named(REPO).internal = False


async def fails(pr: Conversation, login: str = "alice") -> str:
    """A run of theirs fails; what the reply says at its end."""
    pr.depot.plan(job="test", outcome="failed", log=["fine", LOG], diagnosis=DIAGNOSIS)
    await pr.says(login, "/depot run ci.yml")
    await pr.passes(60)
    text = said(pr)[-1].body
    assert "❌ failed" in text
    hears_all(pr)
    return text


def asked(depot: SimulatedDepot) -> set[str]:
    """What Depot was asked of why it failed."""
    return {call.method for call in depot.calls} & {"GetJobAttemptLogs", "GetFailureDiagnosis"}


@pytest.mark.parametrize(
    ("config", "quoted"),
    [
        ("", set()),
        ("show: []\n", set()),
        ("show: [logs]\n", {LOG}),
        ("show: [diagnosis]\n", {DIAGNOSIS}),
        (SHOW, {LOG, DIAGNOSIS}),
        (SHOW + "permissions: {logs: nobody, why: nobody}\n", set()),
        (SHOW + "permissions: {logs: nobody}\n", {DIAGNOSIS}),
        (SHOW + "permissions: {why: admin}\n", {LOG}),
        (SHOW + "permissions: {logs: write, why: write}\n", {LOG, DIAGNOSIS}),
    ],
)
async def test_a_public_repository(pr: Conversation, config: str, quoted: set[str]) -> None:
    await rules(pr, config)
    text = await fails(pr)
    # The log line that the diagnosis brings along is a part of the diagnosis.
    assert (DIAGNOSIS in text) == (DIAGNOSIS in quoted)
    assert ("The end of `test`" in text) == (LOG in quoted)
    if not quoted:
        assert LOG not in text
        assert asked(pr.depot) == set()


@pytest.mark.parametrize("command", ["logs", "why", "logs job=test", "why ci.yml"])
async def test_a_public_repository_by_command(pr: Conversation, command: str) -> None:
    await rules(pr, "")
    await fails(pr)
    await pr.says("ada", f"/depot {command}")
    assert "needs a login" in pr.reply()
    assert reason(pr) == "not-shown"
    assert asked(pr.depot) == set()
    await pr.says("ada", "/depot can-i")
    assert pr.reply().count("needs a login") == 2


@pytest.mark.parametrize("config", [None, "permissions: {logs: nobody, why: nobody}\n"])
async def test_a_private_repository(pr: Conversation, config: str | None) -> None:
    pr.github.repository_named(REPO).private = True
    await rules(pr, config)
    text = await fails(pr)
    assert {LOG in text, DIAGNOSIS in text} == {config is None}


async def test_rules_that_broke_meanwhile_quote_nothing(pr: Conversation) -> None:
    pr.depot.plan(job="test", outcome="failed", seconds=200.0, log=[LOG], diagnosis=DIAGNOSIS)
    await pr.says("alice", "/depot run ci.yml")
    pr.github.commit(REPO, "main", {".github/depot-bot.yml": "show: everything\n"})
    await pr.passes(CONFIG_TIME + 200)
    text = said(pr)[-1].body
    assert "❌ failed" in text
    assert LOG not in text
    assert DIAGNOSIS not in text
    hears_all(pr)


async def test_github_away_at_the_end_costs_no_log(pr: Conversation) -> None:
    await rules(pr, SHOW)
    pr.depot.plan(job="test", outcome="failed", seconds=200.0, log=[LOG], diagnosis=DIAGNOSIS)
    await pr.says("alice", "/depot run ci.yml")
    away = pr.github.faults.answer("GET", "/repos/octo/hello", 503, "", times=None)
    await pr.passes(300)
    away.lift()
    await pr.passes(60)
    text = said(pr)[-1].body
    assert "❌ failed" in text
    assert LOG in text
    assert DIAGNOSIS in text
    hears_all(pr)


async def test_an_event_quotes_to_who_set_it_off(pr: Conversation) -> None:
    """Somebody with triage may set it off here; logs need write."""
    on_label = "automations: [{on: labeled, do: run ci.yml, for: triage}]\n"
    await rules(pr, SHOW + "permissions: {logs: write}\n" + on_label)
    pr.depot.plan(job="test", outcome="failed", log=["fine", LOG], diagnosis=DIAGNOSIS)
    pr.github.label(REPO, 1, "full-ci", by="trudy")
    await pr.settles()
    await pr.passes(60)
    text = said(pr)[-1].body
    assert DIAGNOSIS in text
    assert "The end of `test`" not in text
    hears_all(pr)
