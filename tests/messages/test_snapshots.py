"""Whole replies, and the sentences that stand nowhere else word for word."""

from __future__ import annotations

from dataclasses import replace

from inline_snapshot import snapshot

from bot.commands import COMMANDS
from bot.core import errors
from bot.core.events import Actor, CommandLine, Comment, Source
from bot.core.models import Command, Reply, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.runs import PastAttempt
from bot.core.types import CommandId, Detail, Permission, Sha
from bot.messages import answers, mentions, refusals, reply, runs
from tests.messages.test_texts import BUILD, CI, REPO, RUN, SHA, STARTING, TEST

NEWER = Sha("9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a291807")
PAGE = "https://github.com/octo/hello/pull/1#issuecomment-2"
VERBS = {verb: command.arguments for verb, command in COMMANDS.items()}


def work_item(
    *tracked: TrackedRun, answer: str = "", newest_head: Sha = SHA, line: str = "run ci.yml"
) -> WorkItem:
    """A comment by alice with one command, and what came of it."""
    command = Command(CommandId("ic-1.1"), 1, CommandLine(line), True, Reason.STARTED, answer)
    url = "https://github.com/octo/hello/pull/1#issuecomment-1"
    comment = Comment(Source.ISSUE_COMMENT, REPO, 1, 1, Actor("alice"), 0.0, url, (command.line,))
    item = WorkItem(comment, 0.0, True, Reply(comment_id=2), 0, None, (command,), (), (), tracked)
    return replace(item, newest_head=newest_head)


def shown(*tracked: TrackedRun, answer: str = "", newest_head: Sha = SHA) -> str:
    """A reply without its hidden part."""
    item = work_item(*tracked, answer=answer, newest_head=newest_head)
    text, mark, _ = reply.render(item).partition("\n\n<!-- depot-bot ")
    assert mark
    return text


PASSED = replace(
    RUN,
    run=replace(
        RUN.run, status="finished", workflows=(replace(CI, status="finished", jobs=(BUILD,)),)
    ),
)
WHY = "`test` failed:\n\n```text\nE   assert 3 == 4\n```"


def test_a_reply_names_the_head_of_its_moment() -> None:
    before, moved_on, further = (
        reply.render(work_item(PASSED, newest_head=head)) for head in (SHA, NEWER, Sha("b" * 40))
    )
    assert reply.says(moved_on, moved_on)
    assert reply.says(moved_on, further)
    assert not reply.says(before, moved_on)
    assert reply.says_but_for_head(before, moved_on)
    assert reply.says_but_for_head(further, before)
    failed = reply.render(work_item(RUN, newest_head=NEWER))
    assert not reply.says(moved_on, failed)
    assert not reply.says_but_for_head(moved_on, failed)


def test_replies() -> None:
    failed = replace(RUN, failure=WHY)
    tried = replace(
        PASSED,
        attempts=(PastAttempt("failed", "", ("test",), 2, 3, 64.0, WHY), PastAttempt("cancelled")),
        asked_by="maya",
    )
    assert {
        "in trouble": shown(answer=refusals.trying("Depot")),
        "runs": shown(STARTING),
        "passed": shown(PASSED),
        "failed": shown(failed),
        "failed, and the head has moved on": shown(failed, newest_head=NEWER),
        "third attempt": shown(tried),
        "has a reply elsewhere": shown(replace(RUN, reply_url=PAGE)),
        "stands above": shown(replace(RUN, reply_url="", note=runs.already_running())),
    } == snapshot(
        {
            "in trouble": """\
> `/depot run ci.yml`

Depot does not answer right now; still trying.\
""",
            "runs": """\
> `/depot run ci.yml`

Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ⏳ running.

| job | state |
|---|---|
| [`test`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j1) | ⏳ running |
| [`build`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j2) | ⏸ queued |
| [`deploy`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j3) | ⏸ waiting |\
""",
            "passed": """\
> `/depot run ci.yml`

Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ✅ passed in 2 min 05 s.

| job | state |
|---|---|
| [`build`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j2) | ✅ passed |\
""",
            "failed": """\
> `/depot run ci.yml`

Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ❌ failed: `test`, 1 passed, in 2 min 05 s.

| job | state | took |
|---|---|---|
| [`test`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j1) | ❌ failed | 1 min 01 s |
| [`build`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j2) | ✅ passed |  |

To go on, one of these:

```
  /depot retry 07qwbk1s76
  /depot logs 07qwbk1s76 job=test
  /depot why 07qwbk1s76
```

<details><summary>Why it failed</summary>

`test` failed:

```text
E   assert 3 == 4
```

</details>\
""",
            "failed, and the head has moved on": """\
> `/depot run ci.yml`

Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ❌ failed: `test`, 1 passed, in 2 min 05 s.

The head has moved on since, to `9e8d7c6`.

| job | state | took |
|---|---|---|
| [`test`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j1) | ❌ failed | 1 min 01 s |
| [`build`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j2) | ✅ passed |  |

To go on, one of these:

```
  /depot retry 07qwbk1s76
  /depot logs 07qwbk1s76 job=test
  /depot why 07qwbk1s76
```

<details><summary>Why it failed</summary>

`test` failed:

```text
E   assert 3 == 4
```

</details>\
""",
            "third attempt": """\
> `/depot run ci.yml`

Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ✅ passed (attempt 3, asked for by `maya`) in 2 min 05 s.

- Attempt 1: ❌ failed: `test` and 1 more, 3 passed, in 1 min 04 s
- Attempt 2: 🚫 cancelled

| job | state |
|---|---|
| [`build`](https://depot.dev/orgs/k3v9c0t1xa/workflows/w1?job=j2) | ✅ passed |

<details><summary>Why attempt 1 failed</summary>

`test` failed:

```text
E   assert 3 == 4
```

</details>\
""",
            "has a reply elsewhere": """\
> `/depot run ci.yml`

Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ❌ failed. [Its reply](https://github.com/octo/hello/pull/1#issuecomment-2) shows how it goes.\
""",
            "stands above": """\
> `/depot run ci.yml`

Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ❌ failed. It is shown above. It was under way already, so nothing was started. `force` starts another.\
""",
        }
    )


def test_mentions() -> None:
    ended = replace(RUN, awaited_end="failed")
    items = {
        "one": work_item(ended),
        "one that another reply shows": work_item(replace(ended, reply_url=PAGE)),
        "several": work_item(ended, replace(PASSED, awaited_end="finished")),
        "all": work_item(*[replace(PASSED, awaited_end="finished")] * 2),
    }
    assert {name: mentions.mention(item) for name, item in items.items()} == snapshot(
        {
            "one": """\
@alice: Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ❌ failed: `test`, 1 passed, in 2 min 05 s. [The reply](https://github.com/octo/hello/pull/1#issuecomment-2) has more.

<!-- depot-bot-mention {"request":"ic-1","schema":1} -->\
""",
            "one that another reply shows": """\
@alice: Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`: ❌ failed. [The reply](https://github.com/octo/hello/pull/1#issuecomment-2) has more.

<!-- depot-bot-mention {"request":"ic-1","schema":1} -->\
""",
            "several": """\
@alice: 1 of 2 runs: ❌ failed. [The reply](https://github.com/octo/hello/pull/1#issuecomment-2) has more.

<!-- depot-bot-mention {"request":"ic-1","schema":1} -->\
""",
            "all": """\
@alice: 2 runs: ✅ passed. [The reply](https://github.com/octo/hello/pull/1#issuecomment-2) has more.

<!-- depot-bot-mention {"request":"ic-1","schema":1} -->\
""",
        }
    )


def test_a_help_page() -> None:
    assert answers.help_page(
        "run",
        Permission.WRITE,
        "Start.",
        [("job", "only this job")],
        ["run ci.yml"],
        [("deploy.yml", Permission.ADMIN), ("*", Permission.WRITE)],
        builds_head=True,
    ) == snapshot("""\
`/depot run`

Start. Needs the `write` role.

- `job`: only this job

Workflows here, by the first pattern that fits; any other is not run:

- `deploy.yml`: admin
- `*`: write

It builds the head itself, not GitHub's merge with the base branch. Depot posts a check per job on that commit, named `<workflow name> / <job name>`: a required check of that name turns green with it, and no other. Checks of jobs that were skipped count as passed for GitHub.

For example: `/depot run ci.yml`\
""")


def test_can_i() -> None:
    needs = refusals.not_permitted("run", Permission.WRITE, Permission.READ, [])
    assert answers.can_do("rita", Permission.READ, [("run", needs), ("list", "")], "") == snapshot("""\
`rita` has the `read` role in this repository.

| command | may | why not |
|---|---|---|
| `run` | no | `run` needs the `write` role in this repository; you have `read`. |
| `list` | yes |  |\
""")


def test_refusals() -> None:
    assert {
        "not_shown": refusals.not_shown(Detail.LOGS),
        "head_unknown": refusals.head_unknown(),
        "hint": refusals.hint("run ci.yml"),
        "internal_error": refusals.internal_error("ic-1.1"),
        "job_goes_with_one_workflow": refusals.job_goes_with_one_workflow(),
        "job_of_none": refusals.job_of_none("tset", SHA, ["build", "test"], "test"),
        "job_of_several": refusals.job_of_several("test", ["ci.yml", "nightly.yml"]),
        "jobs_of_different_workflows": refusals.jobs_of_different_workflows(),
        "no_run_of": refusals.no_run_of("ci.yml"),
        "rate_limited": refusals.rate_limited("you", 60),
        "too_late": refusals.too_late(15),
        "too_late, begun": refusals.too_late(15, is_begun=True),
        "too_many_runs": refusals.too_many_runs(58, 60),
        "trying_token": refusals.trying_token("Depot"),
        "which_run": refusals.which_run("cancel", [RUN, replace(RUN, workflow="", job="test")]),
        "word_is_a_job": refusals.word_is_a_job("/depot run ci.yml job=test"),
        "yaml_not_own": refusals.yaml_not_own(),
        "unimplemented": refusals.depot_refused("unimplemented", ""),
        "gave_up": refusals.gave_up(refusals.long_pause("GitHub", 20), "ic-1.1"),
        "misread": refusals.misread(errors.UnknownArgument("run jbo=x", "run", "jbo"), VERBS, []),
        "cannot_retry_alone": refusals.cannot_retry_alone(TEST, RUN),
    } == snapshot(
        {
            "not_shown": "This repository is public, and `show: [logs]` is not in its `.github/depot-bot.yml`, so it is not quoted here. Read it at [Depot's dashboard](https://depot.dev/orgs/_/workflows), which needs a login.",
            "head_unknown": "GitHub names no commit as this pull request's head yet. Try again in a moment.",
            "hint": "If that was meant for me: a command is a line that begins with `/depot`, outside lists, headings, quotes and code. Write it as a new comment, since edits are not read: `/depot run ci.yml`",
            "internal_error": "Something went wrong inside the bot, and this was not done. Its operator finds it in the log under `ic-1.1`.",
            "job_goes_with_one_workflow": "`job=` goes with one workflow: write a line for each.",
            "job_of_none": "No workflow at `3f2c1d0` has a job `tset`. Did you mean `test`? There are: `build`, `test`.",
            "job_of_several": """\
`test` is a job of several workflows. Copy one of these lines:

- `/depot run ci.yml job=test`
- `/depot run nightly.yml job=test`\
""",
            "jobs_of_different_workflows": "These jobs are not all of one workflow: write a line for each workflow.",
            "no_run_of": "There is no run of `ci.yml` on this pull request's head. `/depot run ci.yml` starts one.",
            "rate_limited": "You had 60 commands in the last hour, which is what this bot's operator allows. Try again later.",
            "too_late": "15 minutes have passed since this was written, so nothing was run. Write it again if it is still wanted.",
            "too_late, begun": "15 minutes have passed since this was written, so nothing more was run. Write it again if it is still wanted.",
            "too_many_runs": "This repository had 58 runs from commands in the last hour, and this bot's operator allows 60; this would be more, so nothing was run. Try again later.",
            "trying_token": "Depot does not take this bot's credentials right now; still trying. If that lasts, the bot's operator has to look at it.",
            "which_run": """\
Several runs could be meant. Copy one of these lines:

- `/depot cancel 07qwbk1s76` ([`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`)
- `/depot cancel 07qwbk1s76` ([`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of all workflows (`test`) on `3f2c1d0`)\
""",
            "word_is_a_job": "A job is named with `job=`: `/depot run ci.yml job=test`",
            "yaml_not_own": "This comment holds YAML, or the name of a workflow file on a line of its own, and it is not plain whether that is meant or all workflows, so nothing was run. To run the YAML, put it into a fenced block marked `yaml` right below the line `/depot run`; to run workflows of the repository, name them, as in `/depot run ci.yml`, or write the command in a comment without YAML.",
            "unimplemented": "Depot's API was not found where this bot looks for it. Depot answered `unimplemented`.",
            "gave_up": "GitHub asks for a pause of 20 minutes, so this was given up and nothing was run. Write the command again later. (Reference: `ic-1.1`)",
            "misread": "`run` knows no `jbo`. Usage: `/depot run [WORKFLOW …] [job=KEY[,KEY]] [times=N] [sha=SHA] [force]`. Write it as a new comment: edits are not read.",
            "cannot_retry_alone": "`test` cannot be retried alone now: perhaps jobs behind it have started. `/depot retry 07qwbk1s76` retries all that failed.",
        }
    )


def test_notes_on_runs() -> None:
    assert {
        "already_running": runs.already_running(NEWER),
        "ambiguous_start": runs.ambiguous_start(["07qwbk1s76", "1c2d3e4f5g"]),
        "cancelled_as_outdated": runs.cancelled_as_outdated(),
        "job_not_failed": runs.job_not_failed(BUILD, RUN),
        "not_yet_retried": runs.not_yet_retried([STARTING]),
        "nothing_to_rerun": runs.nothing_to_rerun(RUN),
        "skips_needs": runs.skips_needs("deploy", ["build", "test"]),
        "still_running": runs.still_running(STARTING, "retry"),
    } == snapshot(
        {
            "already_running": "It was under way already, so nothing was started. It builds `9e8d7c6`, GitHub's test merge of the head. `force` starts another.",
            "ambiguous_start": "Depot's answer to the start was lost, and more than one run could be the one: `07qwbk1s76`, `1c2d3e4f5g`. Nothing more was started.",
            "cancelled_as_outdated": "Cancelled because the pull request has a new head or was closed; this repository wants that.",
            "job_not_failed": "`build` of run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0` is ✅ passed; only a failed or cancelled job is retried.",
            "not_yet_retried": "Not over yet, so not retried: [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0`. `/depot retry` works afterwards.",
            "nothing_to_rerun": "Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0` has no workflow that could run again.",
            "skips_needs": "`deploy` needs `build`, `test`: Depot runs `deploy` only and skips every other job.",
            "still_running": "Run [`07qwbk1s76`](https://depot.dev/orgs/k3v9c0t1xa/workflows/07qwbk1s76) of `ci.yml` on `3f2c1d0` is ⏳ running; `retry` works once it is over. `/depot cancel 07qwbk1s76` ends it.",
        }
    )


def test_a_reply_that_github_took_twice() -> None:
    assert reply.pointer(PAGE, 7) == snapshot(
        "GitHub took this reply twice. [The other one](https://github.com/octo/hello/pull/1#issuecomment-7) is kept up to date."
    )


def test_the_hidden_part() -> None:
    text = reply.render(
        work_item(replace(PASSED, attempts=(PastAttempt("failed", "", ("test",)),)))
    )
    assert text[text.index("<!--") :] == snapshot(
        '<!-- depot-bot {"commands":[{"id":"ic-1.1","reason":"started","runs":[{"attempts":[{"asked_by":"","failed":["test"],"state":"failed"}],"id":"07qwbk1s76","sha":"3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29","state":"finished"}]}],"request":"ic-1","schema":1} -->'
    )
