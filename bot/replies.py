"""Every sentence the bot says, as pure functions that return Markdown.

What comes from outside is shown through `bot.markdown` only. A refusal says what is missing and
what to type instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot import errors, reasons
from bot import jobs as jobs_
from bot.errors import Misreading
from bot.grammar import MAX_COMMANDS, usage
from bot.markdown import cell, clean, code, fence, find_hidden, hidden, link
from bot.masking import mask
from bot.records import Command, FollowedRun, Request
from bot.types import (
    CHECK_CONFIG,
    WORKFLOW_FOLDER,
    Artifact,
    Diagnosis,
    Failure,
    Happening,
    Job,
    ListedRun,
    Permission,
    RequestId,
    Run,
    Sha,
    Workflow,
)

DEPOT_PAGES = "https://depot.dev/orgs"
"""Where people look at runs (bot/depot/README.md, "Ids and pages"). It asks for a Depot login."""

MARK = "depot-bot"
"""Name of the hidden JSON in a reply."""

CONFIG_PATH = ".github/depot-bot.yml"
"""The repository's own config."""

SCHEMA = 1
"""Version of the hidden JSON."""

MAX_ROWS = 40
"""Rows of a table; the rest is counted."""

MAX_FAILURES = 5
"""Failures that are shown of one diagnosis."""

MAX_LOG = 40_000
MAX_FAILURE_LOG = 6_000
"""Characters of a log, when it was asked for and when it comes with a failed run."""

MAX_REPLY = 65_000
"""Characters of a reply. GitHub takes 65,536 (bot/github/README.md, "Comments and
reactions")."""


# --- the whole reply -----------------------------------------------------------------------------


def reply(request: Request) -> str:
    """The comment that answers a request, as things stand; empty when there is nothing to say.

    What is too long for GitHub loses the ends of its sections.
    """
    limits = (MAX_REPLY, MAX_REPLY // max(1, len(request.commands)) - 1_000, 1_500)
    for limit in limits:  # pragma: no branch - ten sections of the last limit always fit
        text = _reply(request, limit)
        if len(text) <= MAX_REPLY:
            break
    return text


def _reply(request: Request, section_limit: int) -> str:
    sections = [
        _section(command, request, section_limit)
        for command in request.commands
        if not _is_passed_over(command, request)
    ]
    return "\n\n".join([*sections, hidden(MARK, facts(request))]) if sections else ""


def _is_passed_over(command: Command, request: Request) -> bool:
    """Decided, and nothing to be said of it."""
    has_run = any(run.command_id == command.command_id for run in request.runs)
    return command.decided and not command.answer and not has_run


def _heading(command: Command, happening: Happening | None) -> str:
    """What is being answered: the command as it was typed, or what it follows on."""
    if happening is None:
        return f"> {typed(command.line.text)}"
    if command.line.text == CHECK_CONFIG:
        return f"> {code(CONFIG_PATH)} changes here"
    event = f"{happening.kind} {happening.label}".strip()
    return f"> {typed(command.line.text)}, which follows on {code(event)} here"


def facts(request: Request) -> dict[str, Any]:
    """What the reply says, for programs."""
    return {
        "schema": SCHEMA,
        "request": request.request_id,
        "commands": [
            {
                "id": command.command_id,
                "reason": reasons.code(command.reason),
                "runs": [
                    {"id": run.run.run_id, "sha": run.sha, "state": run.run.status}
                    for run in request.runs
                    if run.command_id == command.command_id
                ],
            }
            for command in request.commands
        ],
    }


def answers(text: str) -> RequestId | None:
    """Which request a comment of the bot answers. Check its author first."""
    value = find_hidden(MARK, text)
    found = value.get("request") if isinstance(value, dict) else None
    return RequestId(found) if isinstance(found, str) else None


def decided(text: str) -> list[Any]:
    """The reason codes in a reply's hidden JSON: what was decided when it was written."""
    value = find_hidden(MARK, text)
    rows = value.get("commands", []) if isinstance(value, dict) else []
    return [row.get("reason") for row in rows]


def _section(command: Command, request: Request, limit: int) -> str:
    """What is said of one command, in at most *limit* characters, cut between its parts."""
    parts = [command.answer] if command.answer else []
    for run in request.runs:
        if run.command_id == command.command_id:
            parts += _run_parts(run)
    kept = [_heading(command, request.comment.happening)]
    for part in parts or ["Waiting for its turn."]:
        if sum(map(len, kept)) + len(part) > limit:
            kept.append("The rest is too long for one comment; ask for it alone.")
            break
        kept.append(part)
    return "\n\n".join(kept)


def typed(line: str) -> str:
    """A command line as it was typed."""
    return code(f"/depot {line}".strip())


# --- a run and how it stands ---------------------------------------------------------------------


def run_state(followed: FollowedRun) -> str:
    """A run in words: what it runs, how it stands, its jobs."""
    return "\n\n".join(_run_parts(followed))


def _run_parts(followed: FollowedRun) -> list[str]:
    run = followed.run
    took = f" in {duration(run.seconds)}" if run.is_over and run.seconds is not None else ""
    if any(job.newest_attempt and job.newest_attempt.number > 1 for job in run.jobs):
        took = ""  # a retried run still counts from its first start
    state = f"**{_word(run.status)}**" if run.is_over else _word(run.status)
    parts = [f"Run {run_name(followed)}: {state}{took}."]
    if followed.note:
        parts.append(followed.note)
    parts += [_compile_error(w) for w in run.workflows if w.error]
    if table := _job_table(run.jobs, only_one_was_asked_for=bool(followed.job)):
        parts.append(table)
    if followed.failure:
        parts.append(
            f"<details><summary>Why it failed</summary>\n\n{followed.failure}\n\n</details>"
        )
    return parts


def run_name(followed: FollowedRun) -> str:
    """Id, link, workflow, job and commit of a run."""
    run = followed.run
    shown = code(run.run_id)
    if run.org_id:
        shown = link(shown, run.org_id, "workflows", run.run_id, base=DEPOT_PAGES)
    what = code(followed.workflow) if followed.workflow else "all workflows"
    if followed.is_inline:
        what = "the YAML"
    job = f" ({code(followed.job)})" if followed.job else ""
    return f"{shown} of {what}{job} on {commit(followed.sha)}"


def commit(sha: Sha) -> str:
    """A commit, short."""
    return code(sha[:7])


def duration(seconds: float) -> str:
    """How long something took, for people."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _word(status: str) -> str:
    # Depot's own words; one that is not a plain word is shown as what it is, a stranger's text.
    return status if status.isascii() and status.isalpha() else code(status)


def _word_cell(status: str) -> str:
    return _word(status).replace("|", "\\|")


def _compile_error(workflow: Workflow) -> str:
    name = workflow.path or workflow.name
    what = code(name) if name else "The YAML"
    return f"{what} does not compile:\n\n{fence(mask(workflow.error[:4000]))}"


def _job_table(jobs: Sequence[Job], *, only_one_was_asked_for: bool) -> str:
    shown = [job for job in jobs if job.status != "skipped"] or list(jobs)
    if not shown:
        return ""
    names = jobs_.names(jobs)
    rows = [
        f"| {cell(names[job.job_id])} | {_word_cell(job.status)} | {_took(job)} |"
        for job in shown[:MAX_ROWS]
    ]
    table = "\n".join(["| job | state | took |", "|---|---|---|", *rows])
    notes = []
    if len(shown) > MAX_ROWS:
        notes.append(f"{len(shown) - MAX_ROWS} more jobs")
    skipped = len(jobs) - len(shown)
    if skipped and not only_one_was_asked_for:
        notes.append(f"{skipped} skipped")
    return table + (f"\n\nNot shown: {', '.join(notes)}." if notes else "")


def _took(job: Job) -> str:
    return duration(job.seconds) if job.seconds is not None else ""


# --- misreadings ---------------------------------------------------------------------------------


def misreading(wrong: Misreading, verbs: Mapping[str, type]) -> str:
    """What is wrong with a line, and the nearest right thing."""
    match wrong:
        case errors.UnknownCommand(_, verb, nearest):
            if nearest:
                return f"There is no command {code(verb)}. Did you mean {typed(nearest)}?"
            return f"There is no command {code(verb)}. There are: {_names(list(verbs))}."
        case errors.UnknownArgument(_, verb, name, nearest):
            hint = f" Did you mean {code(nearest)}?" if nearest else ""
            what = f"{code(verb)} knows no {code(name)}.{hint}"
        case errors.UnexpectedArgument(_, verb, value, instead):
            hint = f" Did you mean {code(instead)}?" if instead else ""
            what = f"{code(verb)} has no place for {code(value)}.{hint}"
        case errors.RepeatedArgument(_, verb, name):
            what = f"{code(name)} is given twice."
        case errors.MissingArgument(_, verb, name):
            what = f"{code(verb)} needs {code(name)}."
        case errors.BadValue(_, verb, name, problem):
            what = f"{code(name)}: {problem}."
        case errors.UnclosedQuote():
            return "A quote is opened and not closed."
        case _:
            return "That line cannot be read."
    return f"{what} Usage: {code('/depot ' + usage(verb, verbs[verb]))}"


def too_many_commands() -> str:
    return f"A comment may hold {MAX_COMMANDS} commands. Nothing of this one was done."


# --- refusals ------------------------------------------------------------------------------------


def repository_not_allowed() -> str:
    return "The operator of this bot has not allowed this repository."


def too_late(minutes: int) -> str:
    return (
        f"This reached the bot {minutes} minutes after it was written, so nothing was run. "
        "Write it again if it is still wanted."
    )


def not_permitted(verb: str, needs: Permission, has: Permission, may: Sequence[str]) -> str:
    """*may* are the commands that the asker may use."""
    have = "you have none" if has is Permission.NONE else f"you have {code(has.word)}"
    instead = f" You may use {_names(may)}." if may else ""
    return f"{code(verb)} needs the {code(needs.word)} role in this repository; {have}.{instead}"


def rate_limited(who: str, limit: int) -> str:
    return (
        f"{who.capitalize()} had {limit} commands in the last hour, which is what this bot's "
        "operator allows. Try again later."
    )


def command_not_allowed(verb: str) -> str:
    return f"This repository does not allow {code(verb)} (see {code(CONFIG_PATH)})."


def workflow_not_allowed(name: str) -> str:
    return f"This repository does not let {code(name)} be run here (see {code(CONFIG_PATH)})."


def workflow_not_permitted(name: str, needs: Permission, has: Permission) -> str:
    have = "you have none" if has is Permission.NONE else f"you have {code(has.word)}"
    return f"{code(name)} needs the {code(needs.word)} role here (see {code(CONFIG_PATH)}); {have}."


def bad_config(path: str, why: str) -> str:
    return (
        f"{code(path)} on the default branch is broken, and without its rules nothing is done: "
        f"{code(why, limit=300)}."
    )


def config_valid(path: str) -> str:
    return f"{code(path)} in this pull request is valid. Until it is merged the old rules hold."


def config_invalid(path: str, why: str) -> str:
    return (
        f"{code(path)} in this pull request is broken: {code(why, limit=300)}. "
        "Until it is merged the old rules hold; after that, commands would be refused."
    )


def pull_request_closed() -> str:
    return "This pull request is closed. Reopen it to run anything on its head."


def head_unknown() -> str:
    return "GitHub names no commit as this pull request's head yet. Try again in a moment."


def pin_is_stale(pinned: Sha, head: Sha, again: str) -> str:
    return (
        f"{commit(pinned)} is not the head of this pull request: that is {commit(head)} now. "
        f"If you have read it: {code(again, limit=300)}"
    )


def head_moved(was: Sha, head: Sha, again: str) -> str:
    return (
        f"The head moved from {commit(was)} to {commit(head)} meanwhile, so nothing was run. "
        f"If you have read it: {code(again, limit=300)}"
    )


def head_newer(head: Sha, again: str) -> str:
    return (
        f"The head is {commit(head)}, pushed after or just before the command was written, "
        f"so nothing was run. If you have read it: {code(again, limit=300)}"
    )


def head_undated(head: Sha, again: str) -> str:
    return (
        f"It cannot be told since when {commit(head)} is the head, so nothing was run. "
        f"If you have read it: {code(again, limit=300)}"
    )


def fork_refused() -> str:
    return (
        "The head is in a fork, and this repository runs no commit of a fork. "
        f"{code('forks: pinned')} in {code(CONFIG_PATH)} on the default branch would allow it "
        "for commits that a writer names."
    )


def fork_needs_sha(again: str) -> str:
    return (
        "The head is in a fork: its code and its workflow files are somebody else's. "
        f"Read them, then name the commit: {code(again, limit=300)}"
    )


def fork_needs_writer() -> str:
    return f"A fork's commit runs only when somebody with the {code('write')} role names it."


def no_workflows(sha: Sha) -> str:
    return f"There are no workflow files in {code(WORKFLOW_FOLDER)} at {commit(sha)}."


def unknown_workflow(typed: str, sha: Sha, names: Sequence[str], nearest: str | None) -> str:
    hint = f" Did you mean {code(nearest)}?" if nearest else ""
    elsewhere = (
        f" Depot reads {code(WORKFLOW_FOLDER)} only." if typed.startswith(".github/") else ""
    )
    return (
        f"There is no workflow {code(typed)} at {commit(sha)}.{hint}{elsewhere} "
        f"There are: {_names(names)}."
    )


def ambiguous_workflow(typed: str, names: Sequence[str]) -> str:
    return f"{code(typed)} may mean {_names(names)}. Name one of them."


def job_needs_workflow(names: Sequence[str]) -> str:
    return f"A job belongs to one workflow. Name it too: {_names(names)}."


def unknown_job(job: str, workflow: str, keys: Sequence[str], nearest: str | None) -> str:
    hint = f"; did you mean {code(nearest)}?" if nearest else "."
    return f"{code(workflow)} has no job {code(job)}{hint} It has: {_names(keys)}."


def unreadable_workflow(workflow: str, sha: Sha, why: str) -> str:
    return f"{code(workflow)} at {commit(sha)} cannot be read as a workflow: {code(why)}."


def depot_refused(code_: str, message: str) -> str:
    """Depot's own refusal. Its text is shown, and never branched on."""
    said = f":\n\n{fence(mask(message[:2000]))}" if message else "."
    hints = {
        "unauthenticated": "Depot does not know this bot's token; its operator has to look at it.",
        "permission_denied": "Depot does not let this bot's token do that.",
        "not_found": "Depot does not find the repository or the commit. "
        "Is the repository connected to Depot?",
        "unimplemented": "Depot's API was not found where this bot looks for it.",
    }
    lead = hints.get(code_, "Depot refused to start it.")
    return f"{lead} Depot answered {code(code_)}{said}"


def github_refused(reference: str) -> str:
    return (
        "GitHub does not let this bot see or do what that needs. "
        f"Its operator finds more in the log under {code(reference)}."
    )


def fork_inline() -> str:
    return "YAML from a comment is not run on a fork's commit."


def fork_dispatch() -> str:
    return (
        "The head branch is in a fork, and a dispatch takes a branch of this repository. "
        f"{code('/depot run')} can run a fork's commit."
    )


def unreadable_block(place: int, why: str) -> str:
    return f"YAML block {place} cannot be read as a workflow: {code(why)}."


def job_needs_one_block() -> str:
    return "A job belongs to one workflow, and there are several YAML blocks."


def not_dispatchable(workflow: str) -> str:
    return (
        f"{code(workflow)} has no {code('workflow_dispatch')} trigger at the head. "
        f"{code('/depot run ' + workflow)} needs none."
    )


def unknown_input(name: str, workflow: str, names: Sequence[str], nearest: str | None) -> str:
    hint = f"; did you mean {code(nearest)}?" if nearest else "."
    has = f" It has: {_names(names)}." if names else " It has none."
    return f"{code(workflow)} has no input {code(name)}{hint}{has}"


def no_run() -> str:
    return f"There is no run on this pull request's head. {code('/depot run')} starts one."


def unknown_run(run_id: str) -> str:
    return f"There is no run {code(run_id)} in this repository."


def unknown_job_of_run(job: str, run: FollowedRun, keys: Sequence[str], nearest: str | None) -> str:
    hint = f"; did you mean {code(nearest)}?" if nearest else "."
    has = f" It has: {_names(keys)}." if keys else " It has no jobs yet."
    return f"Run {run_name(run)} has no job {code(job)}{hint}{has}"


def ambiguous_job(job: str, keys: Sequence[str]) -> str:
    return f"{code(job)} may mean {_names(keys)}. Name one of them."


def which_job(run: FollowedRun, keys: Sequence[str]) -> str:
    has = f"It has: {_names(keys)}." if keys else "It has no jobs yet."
    return f"Name a job of run {run_name(run)}, as in {code('job=KEY')}. {has}"


def cannot_retry_alone(job: Job, run: FollowedRun) -> str:
    return (
        f"{code(job.key)} cannot be retried alone now: perhaps jobs behind it have started. "
        f"{code('/depot retry ' + run.run.run_id)} retries all that failed."
    )


# --- doubt about a start -------------------------------------------------------------------------


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
        f"{_names(runs)}. Nothing more was started."
    )


def start_unknown() -> str:
    page = link("Depot's dashboard", "_", "workflows", base=DEPOT_PAGES)
    return (
        "Depot's answer to the start was lost, and no new run is to be seen. "
        f"It may or may not have started; look at {page}."
    )


def waiting_for_other_start() -> str:
    return "The same workflow on the same commit is just being started; this waits for it."


# --- following -----------------------------------------------------------------------------------


def following_given_up() -> str:
    return "It has not ended in a day; this comment is no longer kept up to date."


def run_disappeared() -> str:
    return "Depot no longer knows this run; this comment is no longer kept up to date."


def following_refused(code_: str) -> str:
    return (
        f"Depot answered {code(code_)} when asked for it; "
        "this comment is no longer kept up to date."
    )


# --- trouble -------------------------------------------------------------------------------------


def trying(who: str) -> str:
    return f"{who} does not answer right now; still trying."


def gave_up(who: str, minutes: int, reference: str) -> str:
    return (
        f"{who} did not answer for {minutes} minutes, so this was given up and nothing was run. "
        f"Write the command again later. (Reference: {code(reference)})"
    )


def gave_up_in_doubt(who: str, minutes: int, reference: str) -> str:
    return (
        f"{who} did not answer for {minutes} minutes, so this was given up. It may or may not have "
        f"been done; {code('/depot status')} tells. (Reference: {code(reference)})"
    )


def internal_error(reference: str) -> str:
    return (
        "Something went wrong inside the bot, and this was not done. "
        f"Its operator finds it in the log under {code(reference)}."
    )


# --- answers -------------------------------------------------------------------------------------


def already_running() -> str:
    return f"It was under way already, so nothing was started. {code('force')} starts another."


def skips_needs(job: str, needs: Sequence[str]) -> str:
    return (
        f"{code(job)} needs {_names(needs)}: Depot runs {code(job)} only and skips every other job."
    )


def already_over(run: FollowedRun) -> str:
    return f"Nothing to cancel. {run_state(run)}"


def job_already_over(job: Job, run: FollowedRun) -> str:
    return f"Nothing to cancel: {code(job.key)} of run {run_name(run)} is {_word(job.status)}."


def nothing_to_retry(run: FollowedRun) -> str:
    return f"Nothing failed that could be retried. {run_state(run)}"


def job_not_failed(job: Job, run: FollowedRun) -> str:
    return (
        f"{code(job.key)} of run {run_name(run)} is {_word(job.status)}; "
        "only a failed or cancelled job is retried."
    )


def nothing_to_rerun(run: FollowedRun) -> str:
    return f"Run {run_name(run)} has no workflow that could run again."


def still_running(run: FollowedRun, verb: str) -> str:
    return (
        f"Run {run_name(run)} is {_word(run.run.status)}; {code(verb)} works once it is over. "
        f"{code('/depot cancel ' + run.run.run_id)} ends it."
    )


def runs_at(sha: Sha, rows: Sequence[tuple[ListedRun, Run]], hidden: int) -> str:
    """The runs on a commit, one row each; *hidden* are not shown."""
    if not rows:
        return f"There is no run on {commit(sha)}. {code('/depot run')} starts one."
    lines = [
        f"| {_run_cell(run)} | {_workflow_cell(run)} | {cell(listed.trigger)} "
        f"| {_word_cell(run.status)} | {_job_counts(run)} |"
        for listed, run in rows
    ]
    table = "\n".join(
        ["| run | workflow | trigger | state | jobs |", "|---|---|---|---|---|", *lines]
    )
    more = f"\n\nAnd {hidden} older." if hidden else ""
    return f"On {commit(sha)}:\n\n{table}{more}"


def _run_cell(run: Run) -> str:
    shown = cell(run.run_id)
    return link(shown, run.org_id, "workflows", run.run_id, base=DEPOT_PAGES)


def _workflow_cell(run: Run) -> str:
    names = [w.path.rpartition("/")[2] or w.name or "YAML" for w in run.workflows]
    return _cells(names)


def _job_counts(run: Run) -> str:
    states = [job.status for job in run.jobs]
    return ", ".join(
        f"{states.count(state)} {_word_cell(state)}" for state in dict.fromkeys(states)
    )


def log_tail(job: Job, run: FollowedRun, lines: Sequence[str]) -> str:
    """The end of a log, everything in it neutralised and masked."""
    return (
        f"The end of {code(job.key)} in run {run_name(run)} ({_word(job.status)}):\n\n"
        f"{_log(lines, MAX_LOG)}"
    )


def no_log_yet(job: Job, run: FollowedRun) -> str:
    return f"{code(job.key)} of run {run_name(run)} ({_word(job.status)}) has no log."


def diagnosis_of(run: FollowedRun, diagnosis: Diagnosis) -> str:
    """Depot's diagnosis, as an answer of its own."""
    if not diagnosis.failures and diagnosis.is_cut:
        return f"Run {run_name(run)} has more failures than Depot's diagnosis holds."
    if not diagnosis.failures:
        return f"Depot knows of no failure in run {run_name(run)} ({_word(run.run.status)})."
    return f"Run {run_name(run)}:\n\n{_diagnosis(diagnosis)}"


def failure(diagnosis: Diagnosis | None, job: Job | None, lines: Sequence[str]) -> str:
    """Why a run failed: the diagnosis and the end of a log, as far as they are known."""
    parts = []
    if diagnosis is not None and diagnosis.failures:
        parts.append(_diagnosis(diagnosis))
    if job is not None and lines:
        parts.append(f"The end of {code(job.name or job.key)}:\n\n{_log(lines, MAX_FAILURE_LOG)}")
    return "\n\n".join(parts)


def _diagnosis(diagnosis: Diagnosis) -> str:
    parts = [_one_failure(failure) for failure in diagnosis.failures[:MAX_FAILURES]]
    if len(diagnosis.failures) > MAX_FAILURES:
        parts.append(f"And {len(diagnosis.failures) - MAX_FAILURES} more kinds of failure.")
    elif diagnosis.is_cut:
        parts.append("And more, which Depot's diagnosis leaves out.")
    if any(f.diagnosis or f.possible_fix for f in diagnosis.failures):
        parts.append("Diagnosis and fix were written by a model, from the log: check them.")
    return "\n\n".join(parts)


def _one_failure(failure: Failure) -> str:
    where = _names(list(dict.fromkeys(failure.jobs))) if failure.jobs else "A job"
    times = f" ({failure.count} times)" if failure.count > 1 else ""
    texts = [
        ("", failure.error),
        ("", "\n".join(failure.lines[:20])),
        ("Diagnosis:", failure.diagnosis),
        ("Possible fix:", failure.possible_fix),
    ]
    parts = [f"{where} failed{times}:"]
    for heading, text in texts:
        if text.strip():
            shown = fence(mask(clean(text[:8000]))[:2000], "text")
            parts.append(f"{heading}\n\n{shown}" if heading else shown)
    return "\n\n".join(parts)


def _log(lines: Sequence[str], limit: int) -> str:
    """Log lines as a block of at most *limit* characters, the newest kept."""
    text = mask("\n".join(clean(line[:8000]) for line in lines))
    cut = (line if len(line) <= 500 else line[:499] + "…" for line in text.split("\n"))
    text = "\n".join(cut)
    if len(text) > limit:
        text = "…\n" + text[-limit:].partition("\n")[2]
    return fence(text, "text")


def artifact_list(run: FollowedRun, artifacts: Sequence[Artifact]) -> str:
    if not artifacts:
        return f"Run {run_name(run)} has no artifacts."
    rows = [
        f"| {cell(a.name)} | {cell(a.job_key.partition(':')[2] or a.job_key)} | {size(a.size)} |"
        for a in artifacts[:MAX_ROWS]
    ]
    table = "\n".join(["| artifact | job | size |", "|---|---|---|", *rows])
    hidden = len(artifacts) - len(rows)
    more = f"\n\nAnd {hidden} more." if hidden else ""
    return f"Artifacts of run {run_name(run)}, to be had on its page at Depot:\n\n{table}{more}"


def size(number: int) -> str:
    """Bytes, for people."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):  # pragma: no branch - the last unit ends it
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


def can_do(login: str, has: Permission, rows: Sequence[tuple[str, str]], head_problem: str) -> str:
    """What somebody may do here: commands with what stands against each, empty for nothing."""
    role = "no role" if has is Permission.NONE else f"the {code(has.word)} role"
    lines = [f"| {cell(verb)} | {'no' if why else 'yes'} | {why} |" for verb, why in rows]
    table = "\n".join(["| command | may | why not |", "|---|---|---|", *lines])
    about_head = f"\n\nOn the head as it is now: {head_problem}" if head_problem else ""
    return f"{code(login)} has {role} in this repository.\n\n{table}{about_head}"


def workflow_list(
    sha: Sha, workflows: Sequence[tuple[str, Sequence[str] | None]], hidden: int = 0
) -> str:
    """Workflows and their jobs; none for a file that cannot be read. *hidden* are left out."""
    rows = [
        f"| {cell(name)} | {_cells(jobs) if jobs is not None else 'cannot be read'} |"
        for name, jobs in workflows
    ]
    table = "\n".join(["| workflow | jobs |", "|---|---|", *rows])
    more = f"\n\nAnd {hidden} more." if hidden else ""
    return f"At {commit(sha)}:\n\n{table}{more}"


def help_table(rows: Sequence[tuple[str, Permission, str]]) -> str:
    """Usage, who may, and what it does, for every command."""
    lines = [f"| {cell('/depot ' + usage)} | {who.word} | {what} |" for usage, who, what in rows]
    return "\n".join(["| command | who | what |", "|---|---|---|", *lines])


def help_page(
    usage: str,
    who: Permission,
    what: str,
    arguments: Sequence[tuple[str, str]],
    examples: Sequence[str],
) -> str:
    """One command in full. *arguments* are names with their meanings."""
    may = "Anyone may." if who is Permission.NONE else f"Needs the {code(who.word)} role."
    lines = [f"{code('/depot ' + usage)}", f"{what} {may}"]
    if arguments:
        lines.append("\n".join(f"- {code(name)}: {meaning}" for name, meaning in arguments))
    lines.append("For example: " + ", ".join(code("/depot " + example) for example in examples))
    return "\n\n".join(lines)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(code(name) for name in names[:30])
    return shown + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _cells(names: Sequence[str]) -> str:
    shown = ", ".join(cell(name) for name in names[:30])
    return shown + (f" and {len(names) - 30} more" if len(names) > 30 else "")
