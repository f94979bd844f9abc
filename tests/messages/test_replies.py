"""What the bot says: untrusted texts stay in code, replies fit, the hidden JSON says the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.commands import COMMANDS
from bot.core import errors
from bot.core.events import Actor, CommandLine, Comment, Source
from bot.core.failures import Evidence
from bot.core.models import (
    MAX_FAILED_NAME,
    MAX_FAILED_NAMES,
    Command,
    KnownRun,
    Reply,
    TrackedRun,
    WorkItem,
)
from bot.core.reasons import Reason
from bot.core.runs import (
    Artifact,
    Attempt,
    Diagnosis,
    Failure,
    Job,
    ListedRun,
    LogLine,
    PastAttempt,
    Run,
    Workflow,
)
from bot.core.types import CommandId, Permission, RepoName, RunId, Sha, WorkItemId
from bot.demo.simulators.depot import SimulatedDepot, hostile_texts
from bot.messages import answers, phrases, refusals
from bot.messages import diagnosis as diagnosis_messages
from bot.messages import reply as reply_message
from bot.messages import runs as run_messages
from bot.messages.known_failures import MAX_EVIDENCE, MAX_PULLS
from bot.messages.markdown import find_hidden, hidden
from tests.support.commands import CI, NEEDS, facts, pushes, ran, said, stands
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import name_of

GITHUB_LIMIT = 65_536
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
PAGE = "https://github.com/octo/hello/pull/1#issuecomment-2"
MARK = "zq7x"
"""Stands in every untrusted text, so that it is seen wherever it turns up; no plain word, for a
state that is one is shown as it is."""

HTML = frozenset({"<details><summary>Why it failed</summary>", "</details>"})
STRUCTURE = frozenset(
    {
        *("paragraph_open", "paragraph_close", "inline", "text", "softbreak", "code_inline"),
        *("fence", "blockquote_open", "blockquote_close", "link_open", "link_close"),
        *("strong_open", "strong_close", "html_block", "bullet_list_open", "bullet_list_close"),
        *("list_item_open", "list_item_close", "table_open", "table_close", "thead_open"),
        *("thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close", "th_open"),
        *("th_close", "td_open", "td_close"),
    }
)
"""All that the bot's own Markdown is made of."""


def flat(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or []


def assert_contained(text: str) -> None:
    """No untrusted text outside code, no mention, no Markdown or HTML that is not the bot's."""
    details = 0
    for token in flat(text):
        assert token.type in STRUCTURE, token
        if token.type == "html_block":
            content = token.content.strip()
            assert content in HTML or content.startswith("<!-- depot-bot {"), token
            assert MARK not in content or content.startswith("<!--")
            details += content.count("<details>") - content.count("</details>")
            assert details in {0, 1}
        elif token.type == "text":
            assert MARK not in token.content, token
            assert "@" not in token.content, token
        elif token.type == "link_open":
            assert str(token.attrs["href"]).startswith(("https://depot.dev/orgs/", PAGE))
    assert details == 0
    assert "\x1b" not in text
    assert "\u202e" not in text


# --- making things up ----------------------------------------------------------------------------


def a_job(text: str) -> Job:
    return Job("j", text, text, name=text, attempts=(Attempt("a", 1, text),), seconds=61.0)


def a_failure(text: str) -> Failure:
    return Failure((text, text + "2"), 3, text, text, text, (text, text))


def a_run(text: str, command_id: str = "ic-1.1") -> TrackedRun:
    """A run in which everything that is untrusted is *text*."""
    job = replace(a_job(text), status="failed")
    diagnosis = Diagnosis((a_failure(text),))
    workflow = Workflow("w", text, "failed", name=text, error=text, jobs=(job,))
    return TrackedRun(
        command_id=CommandId(command_id),
        run=Run(RunId(text), text, "failed", (workflow,), seconds=3.0),
        repo=RepoName(REPO),
        sha=SHA,
        workflow=text,
        job=text,
        tracked_since=0.0,
        note=run_messages.skips_needs(text, [text]),
        failure=diagnosis_messages.failure(diagnosis, job, [LogLine(text, text)] * 2),
        evidence=(
            Evidence((text, text + "2"), text, 12, 4, Sha(text), (9, 12), 2, 1),
            Evidence((text,), text, 12, is_nowhere=True),
        ),
        attempts=(PastAttempt(text, text, (text,), 2, 3, 4.0), PastAttempt(text)),
        asked_by=text,
    )


def a_request(*commands: tuple[str, str, TrackedRun | None]) -> WorkItem:
    """A comment whose commands have come to these lines, answers and runs."""
    rows, runs = [], []
    for place, (line, answer, run) in enumerate(commands, start=1):
        command_id = CommandId(f"ic-1.{place}")
        reason = Reason.STARTED if run else Reason.ANSWERED
        rows.append(Command(command_id, place, CommandLine(line), True, reason, answer))
        if run is not None:
            runs.append(run)
    lines = tuple(row.line for row in rows)
    comment = Comment(Source.ISSUE_COMMENT, RepoName(REPO), 1, 1, Actor("alice"), 0.0, "", lines)
    return WorkItem(comment, 0.0, True, Reply(), 0, None, tuple(rows), (), (), tuple(runs))


VERBS = {verb: command.arguments for verb, command in COMMANDS.items()}

SENTENCES: Mapping[str, Callable[[str], str]] = {
    "the whole reply": lambda t: reply_message.render(a_request((t, "", a_run(t)))),
    "an answer": lambda t: reply_message.render(
        a_request((t, refusals.internal_error("ic-1.1"), None))
    ),
    "run_state": lambda t: run_messages.run_state(a_run(t)),
    "unknown_workflow": lambda t: refusals.unknown_workflow(t, SHA, [t, t], t),
    "ambiguous_workflow": lambda t: refusals.ambiguous_workflow(t, [t, t]),
    "job_of_several": lambda t: refusals.job_of_several(t, [t]),
    "job_of_none": lambda t: refusals.job_of_none(t, SHA, [t], t),
    "word_is_a_job": refusals.word_is_a_job,
    "bad_input": lambda t: refusals.bad_input(t, t, "it takes a number", [t], t),
    "missing_inputs": lambda t: refusals.missing_inputs(t, [t]),
    "hint": refusals.hint,
    "which_run": lambda t: refusals.which_run("cancel", [a_run(t)]),
    "no_run_of": refusals.no_run_of,
    "inputs_sent": lambda t: run_messages.inputs_sent({"name": t}),
    "not_yet_retried": lambda t: run_messages.not_yet_retried([a_run(t)]),
    "unknown_job": lambda t: refusals.unknown_job(t, t, [t], t),
    "unreadable_workflow": lambda t: refusals.unreadable_workflow(t, SHA, t),
    "depot_refused": lambda t: refusals.depot_refused("not_found", t),
    "depot_refused in a code of its own": lambda t: refusals.depot_refused(t, t),
    "github_refused": refusals.github_refused,
    "unreadable_block": lambda t: refusals.unreadable_block(1, t),
    "not_dispatchable": refusals.not_dispatchable,
    "unknown_input": lambda t: refusals.unknown_input(t, t, [t], t),
    "unknown_run": refusals.unknown_run,
    "unknown_job_of_run": lambda t: refusals.unknown_job_of_run(t, a_run(t), [t], t),
    "ambiguous_job": lambda t: refusals.ambiguous_job(t, [t]),
    "which_job": lambda t: refusals.which_job(a_run(t), [t]),
    "cannot_retry_alone": lambda t: refusals.cannot_retry_alone(a_job(t), a_run(t)),
    "ambiguous_start": lambda t: run_messages.ambiguous_start([t, t]),
    "gave_up": lambda t: refusals.gave_up(refusals.long_trouble("Depot", 15), t),
    "already_over": lambda t: run_messages.already_over(a_run(t)),
    "nothing_to_retry": lambda t: run_messages.nothing_to_retry([a_run(t)]),
    "job_not_failed": lambda t: run_messages.job_not_failed(a_job(t), a_run(t)),
    "nothing_to_rerun": lambda t: run_messages.nothing_to_rerun(a_run(t)),
    "still_running": lambda t: run_messages.still_running(a_run(t), "retry"),
    "runs_at": lambda t: answers.runs_at(
        SHA,
        [
            answers.RunAtHead(
                ListedRun(RunId(t), RepoName(t), SHA, t, t, None),
                a_run(t).run,
                known,
            )
            for known in (None, KnownRun(a_run(t), t))
        ],
        0.0,
        hidden=1,
    ),
    "headline": lambda t: run_messages.headline(a_run(t)),
    "link to a reply": lambda t: run_messages.run_state(replace(a_run(t), reply_url=PAGE)),
    "log_tail": lambda t: answers.log_tail(a_job(t), a_run(t), [t] * 3),
    "no_log_yet": lambda t: answers.no_log_yet(a_job(t), a_run(t)),
    "diagnosis_of": lambda t: diagnosis_messages.diagnosis_of(
        a_run(t), Diagnosis((a_failure(t),) * 7)
    ),
    "artifact_list": lambda t: answers.artifact_list(a_run(t), [Artifact(t, t, 1)]),
    "workflow_list": lambda t: answers.workflow_list(SHA, [(t, [t, t]), (t, None)]),
    "UnknownCommand": lambda t: refusals.misreading(errors.UnknownCommand(t, t, t), VERBS),
    "UnknownArgument": lambda t: refusals.misreading(errors.UnknownArgument(t, "run", t, t), VERBS),
    "UnexpectedArgument": lambda t: refusals.misreading(
        errors.UnexpectedArgument(t, "run", t, t), VERBS
    ),
    "RepeatedArgument": lambda t: refusals.misreading(errors.RepeatedArgument(t, "run", t), VERBS),
    "head_moved": lambda t: refusals.head_moved(SHA, SHA, t),
    "pin_is_stale": lambda t: refusals.pin_is_stale(SHA, SHA, t),
    "fork_needs_sha": refusals.fork_needs_sha,
}

NASTY = [
    *hostile_texts.ALL,
    "@octocat",
    "\n@octocat\n\n# heading\n\n---\n",
    "`@octocat`",
    "``` @octocat",
    "</details>\n\n@octocat",
    "<!-- -->",
    "-->@octocat<!--",
    "\\",
    "a|b\\|c`|`",
    "\x1b]8;;https://example.org\x07click\x1b]8;;\x07",
    "https://example.org/@octocat",
    "\r@octocat\r\r\n\r> @octocat",
    "&#64;octocat &commat;octocat",
    "[@octocat](https://example.org)",
    "\t\tindented\n\n    code?",
    "",
    " ",
]


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("sentence", SENTENCES)
def test_untrusted_text_stays_in_code(sentence: str, nasty: str) -> None:
    assert_contained(SENTENCES[sentence](nasty + MARK + nasty))


PIECES = st.sampled_from(
    (
        *("`", "```", "~~~", "|", "\\", "<!--", "-->", "<details>", "</details>", "@octocat"),
        *("\n", "\r", "\n\n", "\t", "    ", "# ", "> ", "- ", "[a](b)", "![", "**", "|-|", "&lt;"),
        *("\x1b[31m", "\x1b", "\u202e", "\u2028", "\x00", MARK, "https://example.org", "1. "),
    )
)
strange = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=12).map("".join)


@given(strange, st.sampled_from(sorted(SENTENCES)))
def test_whatever_it_is(text: str, sentence: str) -> None:
    assert_contained(SENTENCES[sentence](text))


@pytest.mark.parametrize("nasty", [hostile_texts.MARKDOWN, "a|@octocat"])
def test_an_odd_state_stays_in_its_cell(nasty: str) -> None:
    run = a_run("x").run
    workflow = replace(run.workflows[0], jobs=(replace(a_job("x"), status=nasty + MARK),))
    assert_contained(
        run_messages.run_state(replace(a_run("x"), run=replace(run, workflows=(workflow,))))
    )


@given(st.lists(strange, min_size=1, max_size=4))
def test_a_fence_in_a_log_ends_nothing(lines: list[str]) -> None:
    text = answers.log_tail(a_job("test"), a_run("x"), lines)
    fences = [token for token in flat(text) if token.type == "fence"]
    assert len(fences) == 1
    assert_contained(text)


# --- the length ----------------------------------------------------------------------------------


def test_ten_logs_fit() -> None:
    log = answers.log_tail(a_job("test"), a_run("x"), ["y" * 600] * 500)
    request = a_request(*[("logs lines=500", log, None)] * 10)
    text = reply_message.render(request)
    assert len(text) <= GITHUB_LIMIT
    assert text.count("> `/depot logs lines=500`") == 10
    assert find_hidden("depot-bot", text) == reply_message.facts(request)


def test_a_failure_that_is_too_long_goes_before_the_rest() -> None:
    long = "z" * 9_000
    runs = [a_run("ci", f"ic-1.{place}") for place in range(1, 11)]
    text = reply_message.render(
        a_request(*[("run ci", "", replace(r, failure=long)) for r in runs])
    )
    assert len(text) <= GITHUB_LIMIT
    assert text.count(": ❌ failed") == 10
    assert "<details>" not in text


@given(st.integers(0, 400), st.integers(1, 10), st.sampled_from(["x", "`", "|", "\n", "@a "]))
def test_no_reply_is_too_long(length: int, commands: int, piece: str) -> None:
    text = piece * length
    runs = [a_run(text, f"ic-1.{place}") for place in range(1, commands + 1)]
    reply = reply_message.render(a_request(*[(text, "", run) for run in runs]))
    assert len(reply) <= GITHUB_LIMIT


@pytest.mark.parametrize("piece", ["n", "<", "é"])
@pytest.mark.parametrize("commands", [1, 10])
def test_many_long_attempts_fit(piece: str, commands: int) -> None:
    runs = []
    for place in range(1, commands + 1):
        jobs = tuple(replace(a_job(f"{n}" + piece * 3_000), job_id=f"{n}") for n in range(20))
        failed = tuple(replace(job, status="failed") for job in jobs)
        run = replace(a_run("ci", f"ic-1.{place}"), attempts=(), resumed_by="zoe")
        workflow = replace(run.run.workflows[0], jobs=failed)
        run = replace(run, run=replace(run.run, workflows=(workflow,)))
        for _ in range(50):
            run = replace(run, failure="y" * 9_000, resumed_by="zoe").next_attempt(0.0)
        runs.append(run)
    text = reply_message.render(a_request(*[("run ci", "", run) for run in runs]))
    assert len(text) <= GITHUB_LIMIT
    assert text.count("(attempt 51, asked for by `zoe`)") == commands
    assert reply_message.answers(text) == "ic-1"
    if commands == 1:
        assert text.count("<summary>Why attempt") == 5


@pytest.mark.parametrize("size", [2_000, 70_000])
def test_a_long_compile_error_does_not_hide_its_run(size: int) -> None:
    workflow = Workflow("w", CI, "failed", error="e" * size)
    run = TrackedRun(
        CommandId("ic-1.1"),
        Run(RunId("07qwbk1s76"), "o", "failed", (workflow,)),
        RepoName(REPO),
        SHA,
        "ci.yml",
        "",
        0.0,
    )
    text = reply_message.render(a_request(("run ci.yml", "", run)))
    assert len(text) <= GITHUB_LIMIT
    assert "[`07qwbk1s76`]" in text


def test_beside_a_long_log_a_large_run_is_still_named() -> None:
    jobs = tuple(Job(f"j{n}", f"ci.yml:{n}", "failed", name=f"{n} " + "n" * 110) for n in range(40))
    workflow = Workflow("w", CI, "failed", jobs=jobs)
    run = TrackedRun(
        CommandId("ic-1.2"),
        Run(RunId("07qwbk1s76"), "o", "failed", (workflow,)),
        RepoName(REPO),
        SHA,
        "ci.yml",
        "",
        0.0,
    )
    log = "z" * 62_000
    text = reply_message.render(a_request(("logs", log, None), ("run ci.yml", "", run)))
    assert "[`07qwbk1s76`]" in text


def test_a_diagnosis_of_backticks_alone_fits() -> None:
    ticks = "`" * 5_000
    failure = Failure(("test",), 1, ticks, ticks, ticks, (ticks,))
    answer = diagnosis_messages.diagnosis_of(a_run("x"), Diagnosis((failure,) * 5))
    text = reply_message.render(a_request(("why", answer, None)))
    assert len(text) <= GITHUB_LIMIT
    assert "ask alone" not in text


# --- the hidden JSON -----------------------------------------------------------------------------


@given(strange, strange)
def test_the_hidden_json_comes_back(state: str, run_id: str) -> None:
    run = TrackedRun(
        CommandId("ic-1.1"), Run(RunId(run_id), "o", state), RepoName(REPO), SHA, "ci", "", 0.0
    )
    request = a_request(("run ci", "", run))
    text = reply_message.render(request)
    assert reply_message.answers(text) == request.work_item_id
    assert find_hidden("depot-bot", text) == {
        "schema": 1,
        "request": "ic-1",
        "commands": [
            {
                "id": "ic-1.1",
                "reason": "started",
                "runs": [{"id": run_id, "sha": SHA, "state": state}],
            }
        ],
    }


def run_facts(run: TrackedRun) -> dict[str, Any]:
    """What the hidden JSON of a reply says of a run."""
    found = find_hidden("depot-bot", reply_message.render(a_request(("run ci", "", run))))
    assert found is not None
    facts: dict[str, Any] = found["commands"][0]["runs"][0]
    return facts


def test_where_else_a_failure_was_seen_for_programs() -> None:
    evidence = (
        Evidence(("test", "lint"), "main", 12, 4, SHA, (9, 12), 2, 1),
        Evidence(("build",), "main", 12, is_nowhere=True),
        Evidence(("docs",), passed_attempt=3),
    )
    assert run_facts(replace(a_run("x"), attempts=(), evidence=evidence)) == snapshot(
        {
            "id": "x",
            "seen_elsewhere": [
                {
                    "base": {
                        "branch": "main",
                        "runs_known": 12,
                        "runs_seen": 4,
                        "since": "3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29",
                    },
                    "jobs": ["test", "lint"],
                    "passed_attempt": 2,
                    "passed_in_other_runs": 1,
                    "pulls": [12, 9],
                },
                {
                    "base": {"branch": "main", "runs_known": 12, "runs_seen": 0, "since": None},
                    "jobs": ["build"],
                    "nowhere_else": True,
                },
                {"jobs": ["docs"], "passed_attempt": 3},
            ],
            "sha": "3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29",
            "state": "failed",
        }
    )


def test_of_very_much_evidence_the_first_and_the_newest() -> None:
    names = tuple(f"{place} {'n' * MAX_FAILED_NAME}" for place in range(MAX_FAILED_NAMES + 2))
    one = Evidence(names, "b" * 999, 12, 0, None, tuple(range(1, MAX_PULLS + 4)))
    found = run_facts(replace(a_run("x"), evidence=(one,) * (MAX_EVIDENCE + 1)))["seen_elsewhere"]
    assert len(found) == MAX_EVIDENCE
    assert found[0]["jobs"] == [name[:MAX_FAILED_NAME] for name in names[:MAX_FAILED_NAMES]]
    assert found[0]["more_jobs"] == 2
    assert found[0]["base"]["branch"] == "b" * MAX_FAILED_NAME
    assert (found[0]["pulls"][0], len(found[0]["pulls"])) == (MAX_PULLS + 3, MAX_PULLS)
    assert found[0]["more_pulls"] == 3


@pytest.mark.parametrize(
    ("runs", "branch", "names", "attempts", "is_said"),
    [
        # All of it; without the names; without the evidence; without the attempts.
        (1, "main", 1, 50, True),
        (7, "main", 0, 20, True),
        (7, "b" * 200, 0, 20, False),
        (20, "b" * 200, 0, 0, False),
    ],
)
def test_what_there_is_no_room_for(
    runs: int, branch: str, names: int, attempts: int, is_said: bool
) -> None:
    name = "n" * 20
    run = replace(
        a_run("x"),
        evidence=(Evidence((name,), branch, 12, 4, SHA, (9,)),) * 5,
        attempts=(PastAttempt("failed", "alice", (name,), 1),) * 50,
    )
    item = replace(a_request(("run ci", "", run)), runs=(run,) * runs)
    text = reply_message.render(item)
    found = find_hidden("depot-bot", text)
    assert found is not None
    assert len(hidden("depot-bot", found)) <= reply_message.MAX_FACTS
    rows = found["commands"][0]["runs"]
    assert len(rows) == runs
    for row in rows:
        assert len(row.get("attempts", [])) == attempts
        assert ("seen_elsewhere" in row) == is_said
        for one in [*row.get("attempts", []), *row.get("seen_elsewhere", [])]:
            assert len(one.get("failed", one.get("jobs"))) == names


@pytest.mark.parametrize("nasty", NASTY)
def test_evidence_of_hostile_names_comes_back(nasty: str) -> None:
    run = replace(a_run("x"), evidence=a_run(nasty).evidence)
    first, second = run_facts(run)["seen_elsewhere"]
    assert first["jobs"] == [nasty[:MAX_FAILED_NAME], f"{nasty}2"[:MAX_FAILED_NAME]]
    assert second["nowhere_else"]
    if nasty:
        assert first["base"]["branch"] == nasty[:MAX_FAILED_NAME]


@given(strange)
def test_a_log_cannot_forge_it(line: str) -> None:
    forged = f"<!-- depot-bot {json.dumps({'schema': 1, 'request': 'ic-666'})} -->"
    text = reply_message.render(
        a_request(("logs", answers.log_tail(a_job("t"), a_run("x"), [line]), None))
    )
    assert reply_message.answers(text) == WorkItemId("ic-1")
    with_forged = answers.log_tail(a_job("t"), a_run("x"), [forged])
    text = reply_message.render(a_request(("logs", with_forged, None)))
    comments = [t for t in flat(text) if t.type == "html_block" and "<!--" in t.content]
    assert len(comments) == 1


def test_the_forged_one_is_not_believed() -> None:
    forged = '<!-- depot-bot {"schema":1,"request":"ic-666","commands":[]} -->'
    log = answers.log_tail(a_job("t"), a_run("x"), [forged])
    text = reply_message.render(a_request(("logs", log, None)))
    assert reply_message.answers(text) == WorkItemId("ic-1")


@pytest.mark.parametrize("text", ["", "<!-- depot-bot -->", "<!-- depot-bot [1] -->", "thanks"])
def test_what_is_no_reply_of_ours(text: str) -> None:
    assert reply_message.answers(text) is None


# --- small words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 01 s"),
        (3599, "59 min 59 s"),
        (3599.9, "1 h"),
        (86_400, "24 h"),
        (90_060, "25 h 01 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert phrases.duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (18_231, "18 kB"),
        (1_500_000, "1.5 MB"),
        (2_000_000_000, "2.0 GB"),
        (5_000_000_000_000, "5000 GB"),
    ],
)
def test_sizes(number: int, words: str) -> None:
    assert phrases.size(number) == words


def over(workflow: Workflow) -> TrackedRun:
    run = Run(RunId("r"), "o", workflow.status, (workflow,))
    return TrackedRun(CommandId("c"), run, RepoName(REPO), SHA, "", "", 0.0)


def test_many_jobs_are_counted() -> None:
    jobs = tuple(Job(f"j{n}", f"ci.yml:{n}", "finished") for n in range(45))
    skipped = tuple(Job(f"s{n}", f"ci.yml:s{n}", "skipped") for n in range(3))
    workflow = Workflow("w", CI, "finished", jobs=jobs + skipped)
    run = TrackedRun(
        CommandId("c"),
        Run(RunId("r"), "o", "finished", (workflow,)),
        RepoName(REPO),
        SHA,
        "",
        "",
        0,
    )
    assert run_messages.run_state(run).endswith("Not shown: 5 ✅ passed, 3 skipped.")


def test_only_skipped_jobs_are_shown_after_all() -> None:
    workflow = Workflow("w", CI, "finished", jobs=(Job("s", "ci.yml:s", "skipped"),))
    run = TrackedRun(
        CommandId("c"),
        Run(RunId("r"), "o", "finished", (workflow,)),
        RepoName(REPO),
        SHA,
        "",
        "",
        0,
    )
    assert "| [`s`](https://depot.dev/orgs/o/workflows/w?job=s) | skipped |" in (
        run_messages.run_state(run)
    )


def test_who_may_not_has_a_word_for_having_nothing() -> None:
    text = refusals.not_permitted("run", Permission.WRITE, Permission.NONE, [])
    assert text == "`run` needs the `write` role in this repository; you have none."


# --- in conversation -----------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_job_with_needs_says_that_they_are_skipped(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {CI: NEEDS})
    await pr.says("alice", "/depot run ci.yml job=deploy")
    (run,) = depot.runs
    note = "`deploy` needs `test`: Depot runs `deploy` only and skips every other job."
    assert pr.reply() == f"{name_of(run, '`ci.yml` (`deploy`)')}: ⏸ queued.\n\n{note}"
    await pr.passes(60)
    assert note in pr.last_edit()


@pytest.mark.anyio
async def test_why_it_failed_is_folded(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, outcome="failed")
    (text,) = stands(pr)
    head, _, folded = text.partition("<details><summary>Why it failed</summary>\n\n")
    assert "| `test` | ❌ failed | 2 s |" in head
    assert folded.endswith("\n````\n\n</details>")
    assert "Diagnosis:\n\n> `A test expects 3 and gets 4.`" in folded
    assert "The end of `test`:\n\n````text\n" in folded
    assert_contained(said(pr)[0].body)


@pytest.mark.anyio
async def test_the_simulators_own_secret_is_masked(pr: Conversation, depot: SimulatedDepot) -> None:
    secret = "ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz"
    depot.plan(
        job="test",
        log=[f"\x1b[31mTOKEN={secret}\x1b[0m", f"failed with {secret}"],
        error_message=f"failed with {secret}",
        diagnosis=f"{secret} is no good",
        possible_fix=f"replace {secret}",
    )
    await ran(pr, depot, outcome="failed")
    await pr.says("alice", "/depot logs\n/depot why")
    pr.reply()
    everything = "".join(version.body for c in said(pr) for version in c.versions)
    assert "TOKEN=***" in everything
    assert "ghp_" not in everything


@pytest.mark.anyio
@pytest.mark.parametrize("hostile", hostile_texts.ALL)
async def test_hostile_texts_all_the_way(
    pr: Conversation, depot: SimulatedDepot, hostile: str
) -> None:
    printable = "".join(c for c in hostile if c.isprintable())
    file = {
        "name": printable,
        "on": "workflow_dispatch",
        "jobs": {
            "test": {"name": printable, "runs-on": "x", "steps": [{"run": "make"}]},
            "broken": {"name": printable, "runs-on": "x", "steps": [{"run": "make"}]},
        },
    }
    await pushes(pr, {CI: yaml.safe_dump(file)})
    depot.plan(
        job="test",
        outcome="failed",
        log=[hostile, "FAILED " + hostile],
        error_message=hostile,
        diagnosis=hostile,
        possible_fix=hostile,
        artifacts={hostile.replace("\x00", ""): b""},
    )
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    commands = "\n".join(
        f"/depot {verb}" for verb in ("status", "logs", "why", "artifacts", "list")
    )
    await pr.says("alice", commands)
    pr.reply()
    depot.faults.refuse("GetFailureDiagnosis", "invalid_argument", message=hostile)
    await pr.says("alice", f"/depot why\n/depot logs job='{printable[:40]}'")
    pr.reply()
    for comment in said(pr):
        for version in comment.versions:
            assert_contained(version.body)
            assert len(version.body) <= GITHUB_LIMIT
    assert "internal-error" not in "".join(comment.body for comment in said(pr))


@pytest.mark.anyio
async def test_ten_commands_with_500_long_lines_each(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="test", log=["`" * 300 + f" line {n}" for n in range(600)])
    await ran(pr, depot, outcome="failed")
    await pr.says("alice", "\n".join(["/depot logs lines=500"] * 10))
    pr.reply()
    body = said(pr)[-1].body
    assert len(body) <= GITHUB_LIMIT
    assert body.count("> `/depot logs lines=500`") == 10
    assert len(facts(said(pr)[-1])["commands"]) == 10
    await pr.says("alice", "/depot logs lines=500")
    assert "line 599" in pr.reply()


@pytest.mark.anyio
async def test_a_huge_diagnosis(pr: Conversation, depot: SimulatedDepot) -> None:
    huge = "it went wrong\n" * 20_000
    depot.plan(job="test", error_message=huge, diagnosis=huge, possible_fix=huge, log=[huge[:9000]])
    await ran(pr, depot, outcome="failed")
    await pr.says("alice", "/depot why")
    assert "Possible fix:" in pr.reply()
    assert all(len(comment.body) <= GITHUB_LIMIT for comment in said(pr))


@pytest.mark.anyio
async def test_the_hidden_json_of_a_conversation(pr: Conversation, depot: SimulatedDepot) -> None:
    comment = await pr.says("alice", "/depot run ci.yml\n/depot rnu\n/depot retry nosuchrun0")
    pr.reply()
    await pr.passes(60)
    pr.last_edit()
    (run,) = depot.runs
    request = f"ic-{comment.id}"
    assert facts(said(pr)[0]) == {
        "schema": 1,
        "request": request,
        "commands": [
            {
                "id": f"{request}.1",
                "reason": "started",
                "runs": [{"id": run.run_id, "sha": pr.head, "state": "finished"}],
            },
            {"id": f"{request}.2", "reason": "misread", "runs": []},
            {"id": f"{request}.3", "reason": "unknown-run", "runs": []},
        ],
    }


@pytest.mark.anyio
async def test_nothing_secret_is_ever_said(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", artifacts={"report": b"x"})
    await ran(pr, depot, outcome="failed")
    for verb in ("status", "logs", "why", "artifacts", "list", "help", "retry", "rerun", "cancel"):
        await pr.says("alice", f"/depot {verb}")
        pr.reply()
        await pr.passes(60)
        stands(pr)
    depot.faults.revoke_token()
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    everything = "".join(version.body for c in said(pr) for version in c.versions)
    for secret in (depot.token, pr.stage.credentials.webhook_secret, "ghs_", "ghp_", "Bearer"):
        assert secret not in everything
    assert "signature" not in everything
    assert "/artifacts/" not in everything
