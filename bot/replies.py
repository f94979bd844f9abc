"""Every sentence the bot says, as pure functions that return Markdown.

What comes from outside is shown through `bot.markdown` only. A refusal says what is missing and
what to type instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot import errors
from bot.errors import Misreading
from bot.grammar import MAX_COMMANDS, usage
from bot.markdown import cell, code, fence, find_hidden, hidden, link
from bot.records import Command, FollowedRun, Request
from bot.types import WORKFLOW_FOLDER, Job, Permission, RequestId, Sha, Workflow

DEPOT_PAGES = "https://depot.dev/orgs"
"""Where people look at runs (depot-api.md section 10); the pages ask for a Depot login."""

MARK = "depot-bot"
"""Name of the hidden JSON in a reply."""

SCHEMA = 1
"""Version of the hidden JSON."""

MAX_JOBS = 40
"""Rows of a job table; the rest is counted."""


# --- the whole reply -----------------------------------------------------------------------------


def reply(request: Request) -> str:
    """The comment that answers a request, as things stand."""
    sections = [
        _section(command, [run for run in request.runs if run.command_id == command.command_id])
        for command in request.commands
    ]
    return "\n\n".join([*sections, hidden(MARK, facts(request))])


def facts(request: Request) -> dict[str, Any]:
    """What the reply says, for programs."""
    return {
        "schema": SCHEMA,
        "request": request.request_id,
        "commands": [
            {
                "id": command.command_id,
                "reason": command.reason or "deciding",
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


def _section(command: Command, runs: Sequence[FollowedRun]) -> str:
    said = [command.answer] if command.answer else []
    said += [run_state(run) for run in runs]
    if not said:
        said = ["Waiting for its turn."]
    return "\n\n".join([f"> {typed(command.line.text)}", *said])


def typed(line: str) -> str:
    """A command line as it was typed."""
    return code(f"/depot {line}".strip())


# --- a run and how it stands ---------------------------------------------------------------------


def run_state(followed: FollowedRun) -> str:
    """A run in words: what it runs, how it stands, its jobs."""
    run = followed.run
    took = f" in {duration(run.seconds)}" if run.is_over and run.seconds is not None else ""
    state = f"**{_word(run.status)}**" if run.is_over else _word(run.status)
    parts = [f"Run {run_name(followed)}: {state}{took}."]
    if followed.note:
        parts.append(followed.note)
    parts += [_compile_error(w) for w in run.workflows if w.error]
    if table := _job_table(run.jobs):
        parts.append(table)
    return "\n\n".join(parts)


def run_name(followed: FollowedRun) -> str:
    """Id, link, workflow, job and commit of a run."""
    run = followed.run
    shown = code(run.run_id)
    if run.org_id:
        shown = link(shown, run.org_id, "workflows", run.run_id, base=DEPOT_PAGES)
    what = code(followed.workflow) if followed.workflow else "all workflows"
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


def _compile_error(workflow: Workflow) -> str:
    return f"{code(workflow.path or workflow.name)} does not compile:\n\n{fence(workflow.error)}"


def _job_table(jobs: Sequence[Job]) -> str:
    shown = [job for job in jobs if job.status != "skipped"] or list(jobs)
    if not shown:
        return ""
    names = job_names(jobs)
    rows = [
        f"| {cell(names[job.job_id])} | {_word(job.status)} | {_took(job)} |"
        for job in shown[:MAX_JOBS]
    ]
    table = "\n".join(["| job | state | took |", "|---|---|---|", *rows])
    notes = []
    if len(shown) > MAX_JOBS:
        notes.append(f"{len(shown) - MAX_JOBS} more jobs")
    if skipped := len(jobs) - len(shown):
        notes.append(f"{skipped} skipped")
    return table + (f"\n\nNot shown: {', '.join(notes)}." if notes else "")


def _took(job: Job) -> str:
    return duration(job.seconds) if job.seconds is not None else ""


def job_names(jobs: Sequence[Job]) -> dict[str, str]:
    """What to call each job, by id: Depot's label, else its key without the file in front of it,
    unless two would then look the same (depot-api.md section 13)."""
    short = {job.job_id: job.name or job.key.partition(":")[2] or job.key for job in jobs}
    seen = list(short.values())
    return {
        job.job_id: short[job.job_id] if seen.count(short[job.job_id]) == 1 else job.key
        for job in jobs
    }


# --- misreadings ---------------------------------------------------------------------------------


def misreading(wrong: Misreading, verbs: Mapping[str, type]) -> str:
    """What is wrong with a line, and the nearest right thing."""
    match wrong:
        case errors.UnknownCommand(_, verb, nearest):
            hint = f" Did you mean {code(nearest)}?" if nearest else ""
            known = ", ".join(code(verb) for verb in verbs)
            return f"There is no command {code(verb)}.{hint} There are: {known}."
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


def not_permitted(verb: str, needs: Permission, has: Permission) -> str:
    have = "you have none" if has is Permission.NONE else f"you have {code(has.word)}"
    return f"{code(verb)} needs the {code(needs.word)} role in this repository; {have}."


def pull_request_closed() -> str:
    return "This pull request is closed. Reopen it to run anything on its head."


def head_unknown() -> str:
    return "GitHub names no commit as this pull request's head yet. Try again in a moment."


def pin_is_stale(pinned: Sha, head: Sha, again: str) -> str:
    return (
        f"{commit(pinned)} is not the head of this pull request: that is {commit(head)} now. "
        f"If you have read it: {code(again)}"
    )


def head_moved(was: Sha, head: Sha, again: str) -> str:
    return (
        f"The head moved from {commit(was)} to {commit(head)} meanwhile, so nothing was run. "
        f"If you have read it: {code(again)}"
    )


def fork_needs_sha(again: str) -> str:
    return (
        "The head is in a fork: its code and its workflow files are somebody else's. "
        f"Read them, then name the commit: {code(again)}"
    )


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
    said = f":\n\n{fence(message)}" if message else "."
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
        "Depot's answer to the start was lost, twice, and no new run is to be seen. "
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


def internal_error(reference: str) -> str:
    return (
        "Something went wrong inside the bot, and this was not done. "
        f"Its operator finds it in the log under {code(reference)}."
    )


# --- answers -------------------------------------------------------------------------------------


def workflow_list(sha: Sha, workflows: Sequence[tuple[str, Sequence[str] | None]]) -> str:
    """Workflows and their jobs; none for a file that cannot be read."""
    rows = [
        f"| {cell(name)} | {_cells(jobs) if jobs is not None else 'cannot be read'} |"
        for name, jobs in workflows
    ]
    table = "\n".join(["| workflow | jobs |", "|---|---|", *rows])
    return f"At {commit(sha)}:\n\n{table}"


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
