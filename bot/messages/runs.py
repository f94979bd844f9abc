"""Messages about runs: the state, the outcome of a start, and why a run is not changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from bot.core import jobs as jobs_
from bot.core.models import TrackedRun
from bot.core.runs import Job, PastAttempt, Run, Workflow
from bot.core.types import Sha
from bot.messages import known_failures
from bot.messages.markdown import cell, code, fence
from bot.messages.phrases import (
    MAX_ROWS,
    commit,
    dashboard,
    duration,
    in_cell,
    job_name,
    job_page,
    job_state,
    name_list,
    run_link,
    run_name,
    run_what,
    state_word,
)
from bot.messages.redaction import mask
from bot.parsing.words import quoted

MAX_ATTEMPTS_SHOWN = 20
"""Earlier attempts of a run that a reply shows."""

_PLAIN_NAME = re.compile(r"[\w .,:()/+-]{1,80}")


def run_state(tracked: TrackedRun) -> str:
    """The state of a run: what it runs, its state and its jobs."""
    return "\n\n".join(run_parts(tracked))


def headline(tracked: TrackedRun) -> str:
    """A run and how it stands, as one sentence."""
    run = tracked.run
    took = f" in {duration(run.seconds)}" if run.is_over and run.seconds is not None else ""
    if any(job.newest_attempt and job.newest_attempt.number > 1 for job in run.jobs):
        took = ""  # Depot counts the time of a retried run from its first start
    failed = _what_failed(run)
    if failed and took:
        took = f",{took}"
    again = f" (attempt {len(tracked.attempts) + 1}{_by(tracked.asked_by)})"
    if not tracked.attempts:
        again = ""
    return f"Run {run_name(tracked)}: {state_word(run.status)}{again}{failed}{took}."


def runs_parts(runs: Sequence[TrackedRun], newest_head: Sha | None = None) -> list[str]:
    """The paragraphs about the runs of a command. Several of the same that another reply shows, and
    that stand alike, share one."""
    parts: list[str] = []
    for shown, found in groupby(runs, key=_shown_elsewhere):
        alike = list(found)
        url = shown[0]
        if url is not None and len(alike) > 1:
            parts.append(_links_to_reply(alike, url))
        else:
            parts += [part for run in alike for part in run_parts(run, newest_head)]
    return parts


def _shown_elsewhere(run: TrackedRun) -> tuple[str | None, str, str, str, str]:
    """What runs share that can be shown in one line."""
    return run.reply_url, run.workflow, run.job, run.run.status, run.note


def run_parts(tracked: TrackedRun, newest_head: Sha | None = None) -> list[str]:
    """The paragraphs of `run_state`, and that the pull request has a newer head."""
    run = tracked.run
    if tracked.reply_url is not None:
        return [_link_to_reply(tracked, tracked.reply_url)]
    parts = [headline(tracked)]
    if newest_head is not None and newest_head != tracked.sha:
        parts.append(head_moved_on(newest_head))
    if tracked.attempts:
        parts.append(_earlier(tracked.attempts))
    if tracked.note:
        parts.append(tracked.note)
    parts += workflow_errors(run)
    if table := _job_table(run, only_one_was_asked_for=bool(tracked.job)):
        parts.append(table)
    if tracked.evidence:
        parts.append(known_failures.seen_elsewhere(tracked.evidence))
    if next_commands := _next_commands(tracked):
        parts.append(next_commands)
    if tracked.failure:
        parts.append(why_failed("it", tracked.failure))
    for number, one in reversed(list(enumerate(tracked.attempts, start=1))):
        if one.failure:
            parts.append(why_failed(f"attempt {number}", one.failure))
    return parts


def _links_to_reply(runs: Sequence[TrackedRun], url: str) -> str:
    """One line about runs that another reply shows."""
    where = f"[Their reply]({url}) shows how they go." if url else "They are shown above."
    names = ", ".join(map(run_link, runs))
    note = f" {runs[0].note}" if runs[0].note else ""
    state = state_word(runs[0].run.status)
    return f"Runs {names} of {run_what(runs[0])}: {state}. {where}{note}"


def _link_to_reply(tracked: TrackedRun, url: str) -> str:
    """One line about a run that another reply shows."""
    where = f"[Its reply]({url}) shows how it goes." if url else "It is shown above."
    note = f" {tracked.note}" if tracked.note else ""
    return f"Run {run_name(tracked)}: {state_word(tracked.run.status)}. {where}{note}"


def _by(login: str) -> str:
    return f", asked for by {code(login)}" if login else ""


def _earlier(attempts: Sequence[PastAttempt]) -> str:
    """The earlier attempts of a run, a line each; of very many the newest."""
    numbered = list(enumerate(attempts, start=1))
    hidden = len(numbered) - MAX_ATTEMPTS_SHOWN
    lines = [f"- {hidden} older attempts are not shown"] if hidden > 0 else []
    for number, one in numbered[-MAX_ATTEMPTS_SHOWN:]:
        failed = _failures(one.failed, one.failures, one.passed)
        took = f"{',' if failed else ''} in {duration(one.seconds)}" if one.seconds else ""
        by = _by(one.asked_by)
        lines.append(f"- Attempt {number}{by}: {state_word(one.status)}{failed}{took}")
    return "\n".join(lines)


def _what_failed(run: Run) -> str:
    """The failed jobs of a failed run, by name and number, and how many passed."""
    failed = [job for job in run.jobs if job.status == "failed"]
    if run.status != "failed" or not failed:
        return ""
    names = [jobs_.names(run.jobs)[failed[0].job_id]]
    return _failures(names, len(failed), sum(job.status == "finished" for job in run.jobs))


def _failures(names: Sequence[str], failed: int, passed: int) -> str:
    """The jobs that failed, the first by name, and how many passed; empty when none failed."""
    if not names:
        return ""
    others = f" and {failed - 1} more" if failed > 1 else ""
    passed_too = f", {passed} passed" if passed else ""
    return f": {code(names[0])}{others}{passed_too}"


def _next_commands(tracked: TrackedRun) -> str:
    """What to type after a failure, to be copied. A fork's code and YAML that was sent along have
    rules of their own, and what does not compile does so no better the next time."""
    run = tracked.run
    failed = [job for job in run.jobs if job.status == "failed"]
    if run.status != "failed" or not failed or tracked.in_fork or tracked.is_inline:
        return ""
    name = jobs_.names(run.jobs)[failed[0].job_id]
    # Its author may have written the name so that something else is copied along.
    job = f" job={quoted(name)}" if _PLAIN_NAME.fullmatch(name) else ""
    lines = [
        f"/depot retry {run.run_id}",
        f"/depot logs {run.run_id}{job}",
        f"/depot why {run.run_id}",
    ]
    return to_go_on(lines)


def to_go_on(lines: Sequence[str]) -> str:
    """Commands to type next, to be copied."""
    return f"To go on, one of these:\n\n{fence(chr(10).join(lines))}"


def why_failed(what: str, failure: str) -> str:
    """Why something failed, folded; *failure* is Markdown."""
    return f"<details><summary>Why {what} failed</summary>\n\n{failure}\n\n</details>"


def workflow_errors(run: Run) -> list[str]:
    """What Depot says of workflows that do not compile, or in which something else is wrong."""
    return [_workflow_error(workflow) for workflow in run.workflows if workflow.error]


def _workflow_error(workflow: Workflow) -> str:
    name = workflow.path or workflow.name
    subject = code(name) if name else "The YAML"
    says = "does not compile" if workflow.is_invalid else "has an error"
    return f"{subject} {says}:\n\n{fence(mask(workflow.error[:4000]))}"


_ORDER = ("failed", "cancelled", "running", "queued", "waiting", "finished", "skipped")
"""Jobs in a table: what failed comes first."""


def _job_table(run: Run, *, only_one_was_asked_for: bool) -> str:
    jobs = run.jobs
    shown = [job for job in jobs if job.status != "skipped"] or list(jobs)
    if not shown:
        return ""
    names = jobs_.names(jobs)
    shown.sort(key=lambda job: _ORDER.index(job.status if job.status in _ORDER else "running"))
    workflows = {job.job_id: w.workflow_id for w in run.workflows for job in w.jobs}
    is_timed = any(job.seconds is not None for job in shown[:MAX_ROWS])
    rows = []
    for job in shown[:MAX_ROWS]:
        workflow_id = workflows[job.job_id]
        name = job_page(run.org_id, workflow_id, job, cell(names[job.job_id]))
        took = f" {_took(job)} |" if is_timed else ""
        rows.append(f"| {name} | {in_cell(job_state(job))} |{took}")
    head = ["| job | state | took |", "|---|---|---|"]
    if not is_timed:  # a column less on a narrow screen
        head = ["| job | state |", "|---|---|"]
    table = "\n".join([*head, *rows])
    hidden = [job.status for job in shown[MAX_ROWS:]]
    notes = [f"{hidden.count(state)} {state_word(state)}" for state in dict.fromkeys(hidden)]
    skipped = len(jobs) - len(shown)
    if skipped and not only_one_was_asked_for:
        notes.append(f"{skipped} skipped")
    return table + (f"\n\nNot shown: {', '.join(notes)}." if notes else "")


def _took(job: Job) -> str:
    return duration(job.seconds) if job.seconds is not None else ""


def no_more_are_started() -> str:
    return "None of these runs is under way, and no more are started."


def cancelled_later() -> str:
    return (
        "No more of these runs are started, and the bot goes on trying to cancel those under way."
    )


def looking_for_run() -> str:
    return (
        "Depot's answer to the start was lost. Looking whether the run has begun, "
        "so that it is not started twice."
    )


def adopted() -> str:
    return "Depot's answer to the start was lost; this is the run it made."


def started_again() -> str:
    return (
        "Depot's answer to a first start was lost and no run was to be seen, so it was sent again."
    )


def late_twin() -> str:
    return "This run of the same came to light late: the first start had worked after all."


def ambiguous_start(runs: Sequence[str]) -> str:
    return (
        "Depot's answer to the start was lost, and more than one run could be the one: "
        f"{name_list(runs)}. Nothing more was started."
    )


def start_unknown() -> str:
    return (
        "Depot's answer to the start was lost, and no new run is to be seen. "
        f"It may or may not have started; look at {dashboard()}."
    )


def waiting_for_other_start() -> str:
    return "The same workflow on the same commit is just being started; this waits for it."


def about_run(number: int, note: str) -> str:
    """A note about one of several runs of the same."""
    return f"Run {number}: {note}"


def following_given_up(number: int = 0) -> str:
    """*number* is its place among several runs of the same."""
    if number:
        return f"Run {number} has not ended in a day, and is no longer followed."
    return "It has not ended in a day; this comment is no longer kept up to date."


def cancelled_as_outdated() -> str:
    return (
        "Cancelled because the pull request has a new head or was closed; this repository wants "
        "that."
    )


def head_moved_on(newest: Sha) -> str:
    return f"The head has moved on since, to {commit(newest)}."


HEAD_MOVED_ON = re.compile(r"\n\nThe head has moved on since, to `[^`\n]*`\.(?=\n\n)")
"""That sentence as a paragraph of a reply, whichever head it names."""


def run_disappeared(number: int = 0) -> str:
    """*number* is its place among several runs of the same."""
    if number:
        return f"Depot no longer knows run {number}."
    return "Depot no longer knows this run; this comment is no longer kept up to date."


def already_running(builds: Sha | None = None) -> str:
    """*builds* is the commit that it builds, where that is not the head itself."""
    what = f" It builds {commit(builds)}, GitHub's test merge of the head." if builds else ""
    return (
        f"It was under way already, so nothing was started.{what} {code('force')} starts another."
    )


def inputs_sent(inputs: Mapping[str, str]) -> str:
    if not inputs:
        return ""
    shown = ", ".join(code(f"{name}={value}", limit=300) for name, value in inputs.items())
    return f"Inputs that were sent: {shown}."


def skips_needs(job: str, needs: Sequence[str]) -> str:
    only = code(job)
    return f"{only} needs {name_list(needs)}: Depot runs {only} only and skips every other job."


def already_over(run: TrackedRun) -> str:
    return f"Nothing to cancel. {run_state(run)}"


def job_already_over(job: Job, run: TrackedRun) -> str:
    name = job_name(job, run)
    return f"Nothing to cancel: {name} of run {run_name(run)} is {state_word(job.status)}."


def nothing_to_retry(found: Sequence[TrackedRun]) -> str:
    return f"Nothing failed that could be retried. {_states(found)}"


def nothing_failed(found: Sequence[TrackedRun]) -> str:
    return f"Nothing failed. {_states(found)}"


def _states(found: Sequence[TrackedRun]) -> str:
    return "\n\n".join(map(run_state, found))


def not_yet_retried(failed: Sequence[TrackedRun]) -> str:
    """Of several runs some are not over."""
    moving = [run for run in failed if not run.run.is_over]
    shown = ", ".join(map(run_name, moving))
    return f"Not over yet, so not retried: {shown}. {code('/depot retry')} works afterwards."


def job_not_failed(job: Job, run: TrackedRun) -> str:
    return (
        f"{job_name(job, run)} of run {run_name(run)} is {state_word(job.status)}; "
        "only a failed or cancelled job is retried."
    )


def nothing_to_rerun(run: TrackedRun) -> str:
    return f"Run {run_name(run)} has no workflow that could run again."


def still_running(run: TrackedRun, verb: str) -> str:
    return (
        f"Run {run_name(run)} is {state_word(run.run.status)}; {code(verb)} works once it is over. "
        f"{code('/depot cancel ' + run.run.run_id)} ends it."
    )
