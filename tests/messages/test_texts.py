"""The sentences of replies, word for word."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from bot.commands import COMMANDS
from bot.core import errors
from bot.core.errors import Misreading
from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.failures import Evidence
from bot.core.models import Command, KnownRun, Reply, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.runs import (
    Artifact,
    Attempt,
    Diagnosis,
    Failure,
    Job,
    ListedRun,
    LogLine,
    Run,
    Workflow,
)
from bot.core.types import CHECK_CONFIG, CommandId, Permission, RepoName, RunId, Sha
from bot.messages import answers, diagnosis, phrases, refusals, reply, runs

REPO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
LINK = "[`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76)"
NAMED = f"{LINK} of `ci.yml` on `3f2c1d0`"

TEST = Job("j1", "ci.yml:test", "failed", attempts=(Attempt("a1", 1, "failed"),), seconds=61.0)
BUILD = Job("j2", "ci.yml:build", "finished")
CI = Workflow("w1", ".depot/workflows/ci.yml", "failed", name="CI", jobs=(TEST, BUILD))
RUN = TrackedRun(
    CommandId("ic-1.1"),
    Run(RunId("07qwbk1s76"), "k3v9c0t1xa", "failed", (CI,), seconds=125.0),
    REPO,
    SHA,
    "ci.yml",
    "",
    0.0,
)
JOBS = "https://depot.dev/orgs/k3v9c0t1xa/workflows/w1"
STATE = (
    f"Run {NAMED}: ❌ failed: `test`, 1 passed, in 2 min 05 s.\n\n"
    "| job | state | took |\n|---|---|---|\n"
    f"| [`test`]({JOBS}?job=j1) | ❌ failed | 1 min 01 s |\n"
    f"| [`build`]({JOBS}?job=j2) | ✅ passed |  |\n\n"
    "To go on, one of these:\n\n"
    "```\n  /depot retry 07qwbk1s76\n  /depot logs 07qwbk1s76 job=test\n"
    "  /depot why 07qwbk1s76\n```"
)
LATER = Job("j3", "ci.yml:deploy", "waiting")
LOOKING = replace(
    CI,
    status="running",
    jobs=(LATER, replace(BUILD, status="queued"), replace(TEST, status="running", seconds=None)),
)
STARTING = replace(RUN, run=replace(RUN.run, status="running", workflows=(LOOKING,)))
STATE_OF_STARTING = (
    f"Run {NAMED}: ⏳ running.\n\n"
    "| job | state |\n|---|---|\n"
    f"| [`test`]({JOBS}?job=j1) | ⏳ running |\n"
    f"| [`build`]({JOBS}?job=j2) | ⏸ queued |\n"
    f"| [`deploy`]({JOBS}?job=j3) | ⏸ waiting |"
)
LISTED = ListedRun(RunId("07qwbk1s76"), REPO, SHA, "api", "failed", None)


def log(*lines: str, step: str = "") -> list[LogLine]:
    return [LogLine(line, step) for line in lines]


BARE = Failure(("ci.yml:test",), 1, "", "", "", ())
BROKEN = Failure(("ci.yml:test",), 1, "exit 1", "3 is not 4", "add 1", ())

VERBS = {verb: command.arguments for verb, command in COMMANDS.items()}
USAGE = "`/depot run [WORKFLOW …] [job=KEY[,KEY]] [times=N] [sha=SHA] [force]`"

ELSEWHERE = (Evidence(("test",), pulls=(9,)),)
SEEN = "Seen elsewhere:\n\n- `test`: Also on 1 other pull request: `#9`."

SENTENCES = [
    # runs
    (runs.run_state(RUN), STATE),
    (runs.run_state(STARTING), STATE_OF_STARTING),
    (
        runs.run_state(replace(RUN, evidence=ELSEWHERE)),
        STATE.replace("To go on,", f"{SEEN}\n\nTo go on,"),
    ),
    (
        diagnosis.diagnosis_of(RUN, Diagnosis((BARE,)), ELSEWHERE),
        f"Run {NAMED}:\n\n`ci.yml:test` failed:\n\n{SEEN}",
    ),
    (
        phrases.run_name(replace(RUN, is_inline=True, job="test")),
        f"{LINK} of the YAML (`test`) on `3f2c1d0`",
    ),
    (
        phrases.run_name(replace(RUN, run=replace(RUN.run, org_id=""), workflow="")),
        "`07qwbk1s76` of all workflows on `3f2c1d0`",
    ),
    (answers.runs_at(SHA, [], 0.0, 0), "There is no run on `3f2c1d0`. `/depot run` starts one."),
    (
        answers.runs_at(SHA, [answers.RunAtHead(LISTED, RUN.run, None)], 0.0, 0),
        "On `3f2c1d0`:\n\n| run | workflow | asked by | when | state | took | jobs |\n"
        "|---|---|---|---|---|---|---|\n"
        f"| {LINK} | `ci.yml` | Depot: `api` |  | ❌ failed |  | 1 ❌ failed, 1 ✅ passed |",
    ),
    (
        answers.runs_at(
            SHA,
            [answers.RunAtHead(replace(LISTED, created=60.0), RUN.run, KnownRun(RUN, "zoe"))],
            100.0,
            2,
        ),
        "On `3f2c1d0`:\n\n| run | workflow | asked by | when | state | took | jobs |\n"
        "|---|---|---|---|---|---|---|\n"
        f"| {LINK} | `ci.yml` | `zoe` | 1970-01-01 00:01 UTC | ❌ failed | 2 min 05 s "
        "| 1 ❌ failed, 1 ✅ passed |\n\nAnd 2 older.",
    ),
    (refusals.no_run(), "There is no run on this pull request's head. `/depot run` starts one."),
    # refusals
    (
        refusals.bad_config(".github/depot-bot.yml", "no"),
        "`.github/depot-bot.yml` on the default branch is broken, and without its rules nothing is "
        "done: `no`.",
    ),
    (
        answers.config_valid(".github/depot-bot.yml"),
        "`.github/depot-bot.yml` in this pull request is valid. Until it is merged the old rules "
        "hold.",
    ),
    (
        answers.config_invalid(".github/depot-bot.yml", ["no", "nor that"]),
        "`.github/depot-bot.yml` in this pull request is broken:\n\n- `no`\n- `nor that`\n\n"
        "Until it is merged the old rules hold; after that, commands would be refused.",
    ),
    (
        answers.config_invalid(".github/depot-bot.yml", ["no"] * 31),
        "`.github/depot-bot.yml` in this pull request is broken:\n\n"
        + "- `no`\n" * 30
        + "- and 1 more\n\n"
        "Until it is merged the old rules hold; after that, commands would be refused.",
    ),
    (
        answers.workflow_list(
            SHA,
            [("ci.yml", ["test"]), ("x.yml", None)],
            roles={"ci.yml": Permission.WRITE, "x.yml": Permission.NOBODY},
        ),
        "At `3f2c1d0`:\n\n| workflow | jobs | who |\n|---|---|---|\n"
        "| `ci.yml` | `test` | write |\n| `x.yml` | cannot be read | nobody |",
    ),
    (
        answers.alias_table({"e2e": "run e2e.yml"}),
        "| alias here | short for |\n|---|---|\n| `/depot e2e` | `/depot run e2e.yml` |",
    ),
    (answers.alias_table({}), ""),
    (answers.alias("e2e", "run e2e.yml"), "`/depot e2e` is short for `/depot run e2e.yml` here."),
    (
        answers.help_page(
            "run", Permission.NOBODY, "Start.", [], ["run"], [("deploy", Permission.ADMIN)]
        ),
        "`/depot run`\n\nStart. This repository does not allow it.\n\n"
        "Workflows here, by the first pattern that fits; any other is not run:\n\n"
        "- `deploy`: admin\n\nFor example: `/depot run`",
    ),
    (runs.inputs_sent({}), ""),
    (
        runs.inputs_sent({"a": "1", "b": "two words"}),
        "Inputs that were sent: `a=1`, `b=two words`.",
    ),
    (runs.nothing_failed([RUN]), f"Nothing failed. {STATE}"),
    (
        refusals.rerun_failed(),
        "`/depot retry` starts what failed again; `/depot rerun` everything.",
    ),
    (refusals.no_workflows(SHA), "There are no workflow files in `.depot/workflows` at `3f2c1d0`."),
    (
        refusals.job_needs_one_block(),
        "A job belongs to one workflow, and there are several YAML blocks.",
    ),
    # doubt about a start
    (
        runs.looking_for_run(),
        "Depot's answer to the start was lost. Looking whether the run has begun, so that it is "
        "not started twice.",
    ),
    (runs.adopted(), "Depot's answer to the start was lost; this is the run it made."),
    (
        runs.started_again(),
        "Depot's answer to a first start was lost and no run was to be seen, so it was sent again.",
    ),
    (
        runs.late_twin(),
        "This run of the same came to light late: the first start had worked after all.",
    ),
    (
        runs.start_unknown(),
        "Depot's answer to the start was lost, and no new run is to be seen. It may or may not "
        "have started; look at [Depot's dashboard](https://depot.dev/orgs/_/workflows).",
    ),
    (
        runs.waiting_for_other_start(),
        "The same workflow on the same commit is just being started; this waits for it.",
    ),
    # following and trouble
    (
        runs.following_given_up(),
        "It has not ended in a day; this comment is no longer kept up to date.",
    ),
    (
        runs.run_disappeared(),
        "Depot no longer knows this run; this comment is no longer kept up to date.",
    ),
    (refusals.trying("Depot"), "Depot does not answer right now; still trying."),
    (
        refusals.gave_up_in_doubt(refusals.long_trouble("Depot", 15), "ic-1.1"),
        "Depot did not answer for 15 minutes, so this was given up. It may or may not have been "
        "done; `/depot status` tells. (Reference: `ic-1.1`)",
    ),
    # answers
    (
        runs.already_running(),
        "It was under way already, so nothing was started. `force` starts another.",
    ),
    (runs.already_over(RUN), f"Nothing to cancel. {STATE}"),
    (
        runs.job_already_over(BUILD, RUN),
        f"Nothing to cancel: `build` of run {NAMED} is ✅ passed.",
    ),
    (
        diagnosis.diagnosis_of(RUN, Diagnosis(is_cut=True)),
        f"Run {NAMED} has more failures than Depot's diagnosis holds.",
    ),
    (
        diagnosis.diagnosis_of(RUN, Diagnosis()),
        f"Depot knows of no failure in run {NAMED} (❌ failed).",
    ),
    (
        diagnosis.diagnosis_of(
            RUN, Diagnosis((replace(BROKEN, error="", diagnosis="", possible_fix=""),), is_cut=True)
        ),
        f"Run {NAMED}:\n\n`ci.yml:test` failed:\n\nAnd more, which Depot's diagnosis leaves out.",
    ),
    (
        diagnosis.failure(Diagnosis((BARE,), is_cut=True, omitted=37), None, []),
        "`ci.yml:test` failed:\n\nAnd 37 more, which Depot's diagnosis leaves out.",
    ),
    (
        diagnosis.failure(
            Diagnosis((BARE, replace(BARE, jobs=("ci.yml:lint",), count=2))), None, []
        ),
        "`ci.yml:test`, `ci.yml:lint` failed (3 times):",
    ),
    (
        diagnosis.failure(None, TEST, log("a", "E   assert 3 == 4", *["more"] * 40)),
        "The log of `ci.yml:test` round the error (12 later lines are not shown):\n\n"
        "```text\na\nE   assert 3 == 4\n" + "\n".join(["more"] * 28) + "\n```",
    ),
    (
        diagnosis.failure(None, TEST, log("1 failed")),
        "The end of `ci.yml:test`:\n\n```text\n1 failed\n```",
    ),
    (
        diagnosis.failure(Diagnosis((BROKEN,)), None, log("1 failed")),
        "`ci.yml:test` failed:\n\n```text\nexit 1\n```\n\n"
        "Diagnosis:\n\n> `3 is not 4`\n\nPossible fix:\n\n> `add 1`\n\n"
        "Diagnosis and fix were written by a model, from the log: check them.",
    ),
    (diagnosis.failure(Diagnosis(), TEST, []), ""),
    (
        diagnosis.failure(None, TEST, [*log("ok", "error: 3", step="Test `it`"), *log("bye")]),
        "The end of `ci.yml:test` in the step `` Test `it` ``:\n\n```text\nok\nerror: 3\nbye\n```",
    ),
    (
        diagnosis.failure(
            None,
            TEST,
            log("E   assert 3 == 4", *["."] * 40, "make: *** [Makefile:3: test] Error 1"),
        ),
        "The log of `ci.yml:test` round the error (12 later lines are not shown):\n\n"
        "```text\nE   assert 3 == 4\n" + "\n".join(["."] * 29) + "\n```",
    ),
    (
        diagnosis.failure(
            Diagnosis(
                (
                    replace(
                        BARE,
                        lines=("E   assert 3 == 4", "1 failed") * 3,
                        possible_fix="Add one:\n\n```python\nreturn 3 + 1\n```",
                    ),
                )
            ),
            None,
            [],
        ),
        "`ci.yml:test` failed:\n\n```text\nE   assert 3 == 4\n1 failed\n```\n\n"
        "Possible fix:\n\n> `Add one:`\n> `return 3 + 1`\n\n"
        "Diagnosis and fix were written by a model, from the log: check them.",
    ),
    (
        diagnosis.diagnosis_of(
            replace(RUN, run=replace(RUN.run, workflows=(replace(CI, error="no jobs", jobs=()),))),
            Diagnosis(),
        ),
        f"Run {NAMED}:\n\n`.depot/workflows/ci.yml` does not compile:\n\n```\nno jobs\n```",
    ),
    (
        diagnosis.diagnosis_of(
            replace(RUN, run=replace(RUN.run, workflows=(replace(CI, error="out of disk"),))),
            Diagnosis(),
        ),
        f"Run {NAMED}:\n\n`.depot/workflows/ci.yml` has an error:\n\n```\nout of disk\n```",
    ),
    (answers.artifact_list(RUN, []), f"Run {NAMED} has no artifacts."),
    (
        answers.artifact_list(RUN, [Artifact("report", "test", 1)] * (phrases.MAX_ROWS + 2)),
        f"Artifacts of run {NAMED}, to be had on its page at Depot:\n\n"
        "| artifact | job | size |\n|---|---|---|\n"
        + "| `report` | `test` | 1 B |\n" * phrases.MAX_ROWS
        + "\nAnd 2 more.",
    ),
    (
        answers.log_tail(TEST, RUN, [f"{n:04} " + "x" * 490 for n in range(100)]).partition("\n")[
            0
        ],
        f"The end of `test` in run {NAMED} (❌ failed):",
    ),
    # help
    (
        answers.can_do(
            "rita", Permission.NONE, [("run", "no role"), ("help", "")], "It is closed."
        ),
        "`rita` has no role in this repository.\n\n| command | may | why not |\n|---|---|---|\n"
        "| `run` | no | no role |\n| `help` | yes |  |\n\n"
        "On the head as it is now: It is closed.",
    ),
    (
        answers.can_do("alice", Permission.WRITE, [("run", "")], ""),
        "`alice` has the `write` role in this repository.\n\n"
        "| command | may | why not |\n|---|---|---|\n| `run` | yes |  |",
    ),
    (
        answers.help_page("list", Permission.NONE, "Shows.", [], ["list"]),
        "`/depot list`\n\nShows. Anyone may.\n\nFor example: `/depot list`",
    ),
    (
        answers.help_page(
            "run [W]", Permission.WRITE, "Starts.", [("W", "which")], ["run", "run ci"]
        ),
        "`/depot run [W]`\n\nStarts. Needs the `write` role.\n\n- `W`: which\n\n"
        "For example: `/depot run`, `/depot run ci`",
    ),
    (
        answers.workflow_list(SHA, [("ci.yml", ["test"])], 3),
        "At `3f2c1d0`:\n\n| workflow | jobs |\n|---|---|\n| `ci.yml` | `test` |\n\nAnd 3 more.",
    ),
]


@pytest.mark.parametrize(("said", "expected"), SENTENCES)
def test_a_sentence(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            errors.UnknownCommand("rnu", "rnu"),
            "There is no command `rnu`. If it is a workflow: `/depot run rnu`; if it is a job: "
            "`/depot run job=rnu`. There are: " + ", ".join(f"`{v}`" for v in VERBS) + ".",
        ),
        (
            errors.UnknownCommand("?!", "?!"),
            "There is no command `?!`. There are: " + ", ".join(f"`{v}`" for v in VERBS) + ".",
        ),
        (
            errors.UnknownCommand("rnu", "rnu", "run ci"),
            "There is no command `rnu`. Did you mean `/depot run ci`?",
        ),
        (
            errors.UnknownArgument("run jbo=x", "run", "jbo"),
            f"`run` knows no `jbo`. Usage: {USAGE}",
        ),
        (
            errors.UnexpectedArgument("run a b", "run", "b"),
            f"`run` has no place for `b`. Usage: {USAGE}",
        ),
        (
            errors.RepeatedArgument("run job=a job=b", "run", "job"),
            f"`job` is given twice. Usage: {USAGE}",
        ),
        (
            errors.MissingArgument("run", "run", "WORKFLOW"),
            f"`run` needs `WORKFLOW`. Usage: {USAGE}",
        ),
        (
            errors.BadValue("run sha=1", "run", "sha", "all 40 digits are needed"),
            f"`sha`: all 40 digits are needed. Usage: {USAGE}",
        ),
        (
            errors.BadQuote('run "ci', "A quote is opened and not closed"),
            "A quote is opened and not closed. A value with spaces stands in quotes, "
            'as in `message="two words"`.',
        ),
        (Misreading("run"), "That line cannot be read."),
    ],
)
def test_a_misreading(wrong: Misreading, said: str) -> None:
    assert refusals.misreading(wrong, VERBS) == said


LABELED = PullRequestEvent("labeled", "a-guid", SHA, "main", "full-ci")


@pytest.mark.parametrize(
    ("line", "happening", "heading"),
    [
        ("run ci.yml", None, "> `/depot run ci.yml`"),
        ("run ci.yml", LABELED, "> `/depot run ci.yml`, which follows on `labeled full-ci` here"),
        (
            "run ci.yml",
            replace(LABELED, kind="opened", label=""),
            "> `/depot run ci.yml`, which follows on `opened` here",
        ),
        (CHECK_CONFIG, LABELED, "> `.github/depot-bot.yml` changes here"),
    ],
)
def test_what_an_answer_answers(
    line: str, happening: PullRequestEvent | None, heading: str
) -> None:
    command = Command(CommandId("ic-1.1"), 1, CommandLine(line), True, Reason.ANSWERED, "Done.")
    source = Source.EVENT if happening else Source.ISSUE_COMMENT
    comment = Comment(source, REPO, 1, 1, Actor("alice"), 0.0, "", (), event=happening)
    request = WorkItem(comment, 0.0, True, Reply(), 0, None, (command,), (), (), ())
    assert reply.render(request).startswith(f"{heading}\n\nDone.\n\n<!-- depot-bot ")


def test_a_request_without_an_answer_has_no_reply() -> None:
    """It is passed over: decided, nothing to be said, no run."""
    command = Command(CommandId("ic-1.1"), 1, CommandLine("run"), True, Reason.HEAD_MOVED)
    comment = Comment(Source.ISSUE_COMMENT, REPO, 1, 1, Actor("alice"), 0.0, "", ())
    request = WorkItem(comment, 0.0, True, Reply(), 0, None, (command,), (), (), ())
    assert reply.render(request) == ""


def test_of_a_long_log_the_end_is_kept() -> None:
    lines = [f"{number:04} " + "x" * 490 for number in range(100)]
    said = answers.log_tail(TEST, RUN, lines)
    assert "\n\n```text\n…\n" in said
    assert lines[-1] in said
    assert lines[0] not in said
    assert len(said) < diagnosis.MAX_LOG + 300


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (18_231, "18 kB"),
        (2_500_000, "2.5 MB"),
        (3_000_000_000, "3.0 GB"),
        (5_000_000_000_000, "5000 GB"),
    ],
)
def test_a_size(number: int, said: str) -> None:
    assert phrases.size(number) == said


def test_many_names_are_counted() -> None:
    names = [f"w{number}.yml" for number in range(32)]
    shown = ", ".join(f"`{name}`" for name in names[:30])
    assert refusals.ambiguous_workflow("w", names) == (
        f"`w` may mean {shown} and 2 more. Name one of them."
    )
    assert f"| `ci.yml` | {shown} and 2 more |" in answers.workflow_list(SHA, [("ci.yml", names)])


def test_too_many_commands() -> None:
    said = "A comment may hold 10 commands. Nothing of this one was done."
    assert refusals.too_many_commands() == said


# --- runs with very many jobs --------------------------------------------------------------------


def test_ten_thousand_jobs_cost_little() -> None:
    """Processor time of this thread, in a wide bound."""
    failed = tuple(Job(f"f{n}", f"ci.yml:f{n}", "failed") for n in range(3))
    jobs = tuple(Job(f"j{n}", f"ci.yml:j{n}", "finished") for n in range(10_000))
    workflow = Workflow("w", "ci.yml", "failed", jobs=(*jobs, *failed))
    many = replace(RUN, run=Run(RunId("r"), "o", "failed", (workflow,)))
    began = time.thread_time()
    text = runs.run_state(many)
    assert time.thread_time() - began < 0.2
    first, *_ = text.split("\n")
    assert first.endswith(": ❌ failed: `f0` and 2 more, 10000 passed.")
    rows = [line for line in text.split("\n") if line.startswith("| [")]
    assert [row.split("`")[1] for row in rows[:4]] == ["f0", "f1", "f2", "j0"]
    assert "Not shown: 9963 ✅ passed." in text


def test_a_conclusion_says_more_than_the_state() -> None:
    late = Job("j1", "ci.yml:test", "failed", conclusion="timed_out")
    workflow = Workflow("w", "ci.yml", "failed", jobs=(late,))
    text = runs.run_state(replace(RUN, run=Run(RunId("r"), "o", "failed", (workflow,))))
    assert "| ❌ timed out |" in text


@pytest.mark.parametrize("name", ["a\n/depot cancel", "`x`", "a`b", 'say "x"', "x" * 200])
def test_a_hostile_job_adds_nothing_to_what_is_copied(name: str) -> None:
    job = Job("j1", "ci.yml:test", "failed", name=name)
    workflow = Workflow("w", "ci.yml", "failed", jobs=(job,))
    text = runs.run_state(replace(RUN, run=Run(RunId("r"), "o", "failed", (workflow,))))
    block = text.split("one of these:\n\n")[1]
    assert block == "```\n  /depot retry r\n  /depot logs r\n  /depot why r\n```"
