"""Answers of the commands that only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.models import KnownRun, TrackedRun
from bot.core.runs import Artifact, Job, ListedRun, Run
from bot.core.types import Permission, Sha
from bot.messages.diagnosis import MAX_LOG, log_block
from bot.messages.markdown import cell, code, link
from bot.messages.phrases import (
    DEPOT_PAGES,
    MAX_ROWS,
    cell_list,
    commit,
    duration,
    job_name,
    minute,
    name_list,
    run_name,
    size,
    state_cell,
    state_word,
)

MAX_LISTED_FAULTS = 30
"""Faults of a config that one answer shows."""


def config_valid(path: str) -> str:
    return f"{code(path)} in this pull request is valid. Until it is merged the old rules hold."


def config_invalid(path: str, faults: Sequence[str]) -> str:
    shown = "\n".join(f"- {code(fault, limit=300)}" for fault in faults[:MAX_LISTED_FAULTS])
    hidden = len(faults) - MAX_LISTED_FAULTS
    more = f"\n- and {hidden} more" if hidden > 0 else ""
    return (
        f"{code(path)} in this pull request is broken:\n\n{shown}{more}\n\n"
        "Until it is merged the old rules hold; after that, commands would be refused."
    )


@dataclass(frozen=True, slots=True)
class RunAtHead:
    """A run on the head, and what is known here of who asked for it."""

    listed: ListedRun
    run: Run
    known: KnownRun | None


def runs_at(sha: Sha, rows: Sequence[RunAtHead], now: float, hidden: int) -> str:
    """The runs on a commit, one row each; *hidden* are not shown."""
    if not rows:
        return f"There is no run on {commit(sha)}. {code('/depot run')} starts one."
    lines = [
        f"| {_run_cell(row.run)} | {_workflow_cell(row.run)} | {_asked_by(row)} | {_begun(row)} "
        f"| {state_cell(row.run.status)}{_attempt(row)} | {_took(row, now)} "
        f"| {_job_counts(row.run)} |"
        for row in rows
    ]
    head = ["run", "workflow", "asked by", "when", "state", "took", "jobs"]
    table = "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])
    more = f"\n\nAnd {hidden} older." if hidden else ""
    return f"On {commit(sha)}:\n\n{table}{more}"


def _asked_by(row: RunAtHead) -> str:
    """Who asked for a run here; else what started it at Depot."""
    return cell(row.known.author) if row.known else f"Depot: {cell(row.listed.trigger)}"


def _begun(row: RunAtHead) -> str:
    return minute(row.listed.created) if row.listed.created is not None else ""


def _attempt(row: RunAtHead) -> str:
    earlier = len(row.known.run.attempts) if row.known else 0
    return f", attempt {earlier + 1}" if earlier else ""


def _took(row: RunAtHead, now: float) -> str:
    """How long it took, where that is known, or has taken so far."""
    if not row.run.is_over and row.listed.created is not None:
        return f"{duration(max(0.0, now - row.listed.created))} so far"
    known = row.known.run if row.known else None
    if known is None or known.attempts or known.run.seconds is None or not row.run.is_over:
        return ""
    return duration(known.run.seconds)


def _run_cell(run: Run) -> str:
    shown = cell(run.run_id)
    return link(shown, run.org_id, "workflows", run.run_id, base=DEPOT_PAGES)


def _workflow_cell(run: Run) -> str:
    names = [w.file_name or w.name or "YAML" for w in run.workflows]
    return cell_list(names)


def _job_counts(run: Run) -> str:
    states = [job.status for job in run.jobs]
    return ", ".join(
        f"{states.count(state)} {state_cell(state)}" for state in dict.fromkeys(states)
    )


def log_tail(job: Job, run: TrackedRun, lines: Sequence[str]) -> str:
    """The end of a log, with its Markdown neutralised and its secrets masked."""
    return (
        f"The end of {job_name(job, run)} in run {run_name(run)} ({state_word(job.status)}):\n\n"
        f"{log_block(lines, MAX_LOG)}"
    )


def no_log_yet(job: Job, run: TrackedRun) -> str:
    return f"{job_name(job, run)} of run {run_name(run)} ({state_word(job.status)}) has no log."


def artifact_list(run: TrackedRun, artifacts: Sequence[Artifact]) -> str:
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


def not_recognised() -> str:
    return (
        "GitHub did not say just now who opened this pull request, or who is in which team. Where "
        f"`permissions` name them, this table says no; ask again with {code('/depot can-i')}."
    )


def can_do(
    login: str,
    has: Permission,
    rows: Sequence[tuple[str, str]],
    head_problem: str,
    *,
    is_recognised: bool = True,
) -> str:
    """What a person may do here. *rows* are commands with the reason against each; empty when there
    is none. *is_recognised* says whether it could be read if the person opened the pull request or
    is in a team."""
    role = "no role" if has is Permission.NONE else f"the {code(has.word)} role"
    lines = [f"| {cell(verb)} | {'no' if why else 'yes'} | {why} |" for verb, why in rows]
    table = "\n".join(["| command | may | why not |", "|---|---|---|", *lines])
    about_head = f"\n\nOn the head as it is now: {head_problem}" if head_problem else ""
    about_names = "" if is_recognised else f"\n\n{not_recognised()}"
    return f"{code(login)} has {role} in this repository.\n\n{table}{about_names}{about_head}"


def workflow_list(
    sha: Sha,
    workflows: Sequence[tuple[str, Sequence[str] | None]],
    hidden: int = 0,
    roles: Mapping[str, Permission] | None = None,
) -> str:
    """Workflows and their jobs; None for a file that cannot be read. *hidden* are not shown;
    *roles* say who may run each, where the repository has rules for that."""
    head = ["| workflow | jobs |", "|---|---|"]
    rows = [
        f"| {cell(name)} | {cell_list(jobs) if jobs is not None else 'cannot be read'} |"
        for name, jobs in workflows
    ]
    if roles is not None:
        head = ["| workflow | jobs | who |", "|---|---|---|"]
        rows = [
            f"{row} {roles[name].word} |" for row, (name, _) in zip(rows, workflows, strict=True)
        ]
    more = f"\n\nAnd {hidden} more." if hidden else ""
    return f"At {commit(sha)}:\n\n" + "\n".join([*head, *rows]) + more


def help_table(rows: Sequence[tuple[str, Permission, str]]) -> str:
    """Usage, required role and description of every command."""
    lines = [
        f"| {cell('/depot ' + usage)} | {required.word} | {description} |"
        for usage, required, description in rows
    ]
    return "\n".join(["| command | who | what |", "|---|---|---|", *lines])


def workflow_rules(roles: Sequence[tuple[str, Permission]]) -> str:
    """The repository's rules for workflows; the first that fits counts."""
    rows = "\n".join(f"- {code(pattern)}: {role.word}" for pattern, role in roles[:MAX_ROWS])
    return f"Workflows here, by the first pattern that fits; any other is not run:\n\n{rows}"


def checks() -> str:
    """What a run that is started here means for GitHub's checks."""
    name = code("<workflow name> / <job name>")
    return (
        "It builds the head itself, not GitHub's merge with the base branch. Depot posts a check "
        f"per job on that commit, named {name}: a required check of that name turns green with it, "
        "and no other. Checks of jobs that were skipped count as passed for GitHub."
    )


def alias(name: str, line: str) -> str:
    return f"{code(f'/depot {name}')} is short for {code(f'/depot {line}', limit=300)} here."


def alias_table(aliases: Mapping[str, str]) -> str:
    """The repository's own verbs; empty when it has none."""
    if not aliases:
        return ""
    rows = [
        f"| {cell('/depot ' + name)} | {cell('/depot ' + line)} |"
        for name, line in list(aliases.items())[:MAX_ROWS]
    ]
    return "\n".join(["| alias here | short for |", "|---|---|", *rows])


def needing(meaning: str, required: Permission) -> str:
    """What an argument means that needs a role of its own."""
    role = f"needs the {code(required.word)} role"
    if required is Permission.NOBODY:
        role = "for those only whom the repository names"
    return meaning if required is Permission.NONE else f"{meaning}; {role}"


def help_page(
    usage: str,
    required: Permission,
    description: str,
    arguments: Sequence[tuple[str, str]],
    examples: Sequence[str],
    workflow_roles: Sequence[tuple[str, Permission]] = (),
    named: Sequence[str] = (),
    *,
    builds_head: bool = False,
) -> str:
    """One command in full. *arguments* are names with their meanings, *workflow_roles* the
    repository's rules for workflows, *named* who may whatever their role; *builds_head* says that
    it starts workflows."""
    role = f"Needs the {code(required.word)} role."
    if required is Permission.NONE:
        role = "Anyone may."
    elif required is Permission.NOBODY:
        role = "This repository does not allow it."
    if named:
        role = f"For {name_list(named)}."
        if required is not Permission.NOBODY:
            role = f"Needs the {code(required.word)} role, or to be {name_list(named)}."
    lines = [f"{code('/depot ' + usage)}", f"{description} {role}"]
    if arguments:
        lines.append("\n".join(f"- {code(name)}: {meaning}" for name, meaning in arguments))
    if workflow_roles:
        lines.append(workflow_rules(workflow_roles))
    if builds_head:
        lines.append(checks())
    lines.append("For example: " + ", ".join(code("/depot " + example) for example in examples))
    return "\n\n".join(lines)
