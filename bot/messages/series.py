"""Messages about several runs of the same: how often the job passed and how often it failed."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core import series as several
from bot.core.models import Command, Series, TrackedRun
from bot.core.types import Sha
from bot.messages import known_failures
from bot.messages.markdown import code
from bot.messages.phrases import duration, in_cell, run_link, run_what, state_word
from bot.messages.runs import head_moved_on, to_go_on, why_failed, workflow_errors

MAX_NAMED = 3
"""Kinds of failures for which the next commands are shown."""

MAX_EXPLAINED = 5
"""Kinds of failures of which it is shown why."""


def series_parts(
    command: Command, runs: Sequence[TrackedRun], newest_head: Sha | None = None
) -> list[str]:
    """The paragraphs about the runs of a command that wants several of the same; what is cut first
    when they are too long comes last."""
    if command.series is None or not runs:
        return []
    ordered = sorted(runs, key=lambda run: run.number)
    groups = several.failed_alike(ordered)
    parts = [_headline(command.series, ordered)]
    if newest_head is not None and newest_head != ordered[0].sha:
        parts.append(head_moved_on(newest_head))
    parts += [command.answer, *dict.fromkeys(run.note for run in ordered)]
    parts += dict.fromkeys(error for run in ordered for error in workflow_errors(run.run))
    parts.append(_table(ordered))
    parts += map(_seen, groups)
    parts.append(_next_commands(ordered, groups))
    parts += map(_why, groups[:MAX_EXPLAINED])
    return [part for part in parts if part]


def _headline(series: Series, runs: Sequence[TrackedRun]) -> str:
    """How many passed, and how many failed."""
    stopped = series.stopped
    wanted = max(series.wanted, len(runs))  # one that came to light late is one more
    count = several.tally(runs)
    left = wanted - max(run.number for run in runs)
    counts = [f"{count.passed} passed", f"{count.failed} failed"]
    counts += [f"{count.cancelled} cancelled"] if count.cancelled else []
    counts += [f"{count.unknown} ended unknown"] if count.unknown else []
    counts += [f"{count.moving} under way"] if count.moving else []
    if left > 0:
        counts.append(f"{left} {'to come' if stopped is None else 'not started'}")
    if count.moving or (left > 0 and stopped is None):
        state = "⏳ "
    elif count.failed:
        state = "❌ "
    else:
        state = "✅ " if count.passed == wanted else "🚫 "
    return f"{wanted} runs of {run_what(runs[0])}: {state}{', '.join(counts)}."


def _table(runs: Sequence[TrackedRun]) -> str:
    is_timed = any(run.run.seconds is not None for run in runs)
    lines = ["| # | run | state |" + (" took |" if is_timed else "")]
    lines.append("|---|---|---|" + ("---|" if is_timed else ""))
    for run in runs:
        state = state_word(run.end or run.run.status)
        if run.attempts:
            earlier = ", ".join(state_word(one.status) for one in run.attempts[-3:])
            state = f"{state} (attempt {len(run.attempts) + 1}; before: {earlier})"
        seconds = run.run.seconds
        took = f" {duration(seconds) if seconds is not None and not run.attempts else ''} |"
        row = f"| {run.number} | {in_cell(run_link(run))} | {in_cell(state)} |"
        lines.append(row + (took if is_timed else ""))
    return "\n".join(lines)


def _seen(group: Sequence[TrackedRun]) -> str:
    """Which runs failed alike, and where else that was seen; empty where neither says anything."""
    # Of a later one more is known: the runs of the base branch are read one after the other.
    evidence = next((run.evidence for run in reversed(group) if run.evidence), ())
    if len(group) == 1 and not evidence:
        return ""
    said = f"{_places(group)} failed{' alike' if len(group) > 1 else ''}."
    return f"{said} {known_failures.seen_elsewhere(evidence)}" if evidence else said


def _why(group: Sequence[TrackedRun]) -> str:
    """Why the first of these failed; empty where that is not known, or not to be quoted."""
    failure = next((run.failure for run in group if run.failure), "")
    return why_failed(_places(group).lower(), failure) if failure else ""


def _places(group: Sequence[TrackedRun]) -> str:
    """Runs by their numbers."""
    numbers = [str(run.number) for run in group]
    if len(numbers) == 1:
        return f"Run {numbers[0]}"
    return f"Runs {', '.join(numbers[:-1])} and {numbers[-1]}"


def _next_commands(runs: Sequence[TrackedRun], groups: Sequence[Sequence[TrackedRun]]) -> str:
    """What to type next, to be copied: how to end them while they go on, then why they failed."""
    moving = next((run for run in runs if run.end == ""), None)
    if moving is not None:
        return f"{code(f'/depot cancel {moving.run.run_id}')} ends all of them."
    if not groups:
        return ""
    named = [group[0].run.run_id for group in groups[:MAX_NAMED]]
    lines = [f"/depot {verb} {run_id}" for run_id in named for verb in ("why", "logs")]
    return to_go_on(lines)
