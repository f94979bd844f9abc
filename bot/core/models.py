"""What the ledger keeps, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.core.events import CommandLine, Comment
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a request, until the lease ends or is taken over."""

    work_item_id: WorkItemId
    fencing_token: int
    is_poll: bool = False
    """All its commands are decided: what is left is to poll its runs and to write its reply."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a request, and what became of it."""

    command_id: CommandId
    place: int
    line: CommandLine
    decided: bool = False
    reason: Reason | None = None
    """What became of it; none until decided."""
    answer: str = ""
    """What the reply says of it, in Markdown. Empty while its runs speak for it."""
    troubled_since: float | None = None
    """Since when GitHub or Depot keeps it from being decided."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What Depot is asked to start: by `Run`, or by `DispatchWorkflow` when there is a branch."""

    repo: RepoName
    sha: Sha
    workflow: str = ""
    """The workflow's file name; empty for all, or when there is `content`."""
    job: str = ""
    content: tuple[str, ...] = ()
    """Whole workflow files, instead of the repository's."""
    in_fork: bool = False
    """The commit is from a fork: untrusted code."""
    branch: str = ""
    """Dispatch on this branch's head."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Inputs of a dispatch."""
    note: str = ""
    """What the reply says beside the run, in Markdown."""


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """That a run is about to be started, noted before Depot is asked."""

    attempt_id: int
    command_id: CommandId
    start: StartRequest
    runs_before: tuple[RunId, ...]
    """Runs that ListRuns showed for this commit before the call."""
    created_at: float
    searches: int
    """How often ListRuns was searched for its run since its outcome became unknown."""
    outcome: str
    """`open` until known; then `started`, `refused`, `unsent`, or `lost` when none was found."""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """That a run is about to be retried, rerun or cancelled, noted before Depot is asked."""

    command_id: CommandId
    run_id: RunId
    attempts: dict[str, int]
    """The number of each job's newest attempt before, by job id."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run that a command started or points to."""

    command_id: CommandId
    run: Run
    repo: RepoName
    sha: Sha
    workflow: str
    """The workflow's file name; empty for all, or for YAML sent along."""
    job: str
    """The only job asked for; empty for all."""
    tracked_since: float
    is_inline: bool = False
    """It runs YAML that was sent along."""
    in_fork: bool = False
    """Its commit is from a fork: untrusted code."""
    note: str = ""
    """What the reply adds, in Markdown."""
    failure: str = ""
    """Why it failed, in Markdown; the reply shows it folded."""
    polls: int = 0
    next_poll_at: float | None = None
    """When it is polled next; none when it is no longer tracked."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The one comment that answers a request."""

    comment_id: int | None = None
    attempted: bool = False
    text: str = ""
    written_at: float | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A comment, its commands and everything that hangs on them, as loaded."""

    comment: Comment
    received_at: float
    acknowledged: bool
    reply: Reply
    failures: int
    failing_since: float | None
    commands: tuple[Command, ...]
    start_attempts: tuple[StartAttempt, ...]
    pending_changes: tuple[PendingChange, ...]
    runs: tuple[TrackedRun, ...]

    @property
    def work_item_id(self) -> WorkItemId:
        return self.comment.work_item_id

    @property
    def is_undecided(self) -> bool:
        """Whether a command, or what an event sets off, is still to be decided."""
        return not self.commands or any(not command.decided for command in self.commands)

    @property
    def next_poll_at(self) -> float | None:
        """When the next of its runs is polled; none when none is tracked any more."""
        times = [run.next_poll_at for run in self.runs if run.next_poll_at is not None]
        return min(times, default=None)

    def with_command(self, command: Command, runs: Sequence[TrackedRun] = ()) -> WorkItem:
        """The same with this state of a command, and further runs."""
        commands = tuple(
            command if one.command_id == command.command_id else one for one in self.commands
        )
        return replace(self, commands=commands, runs=(*self.runs, *runs))

    def with_runs(self, polled: Sequence[TrackedRun]) -> WorkItem:
        """The same with these states of some of its runs."""
        newer = {(run.command_id, run.run.run_id): run for run in polled}
        runs = tuple(newer.get((run.command_id, run.run.run_id), run) for run in self.runs)
        return replace(self, runs=runs)

    def open_start_attempt(self, command_id: CommandId) -> StartAttempt | None:
        """The start attempt of a command whose outcome is not known."""
        mine = (
            i for i in self.start_attempts if i.command_id == command_id and i.outcome == "open"
        )
        return next(mine, None)

    def pending_change(self, command_id: CommandId) -> PendingChange | None:
        """What a command was about to do to a run, if it came so far."""
        return next(
            (change for change in self.pending_changes if change.command_id == command_id), None
        )

    def has_lost_start(self, command_id: CommandId) -> bool:
        """Whether a first call for this command left no trace."""
        return any(i.command_id == command_id and i.outcome == "lost" for i in self.start_attempts)
