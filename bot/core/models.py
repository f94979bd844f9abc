"""What the database keeps, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.core import jobs
from bot.core.backoff import POLLING
from bot.core.events import CommandLine, Comment, comment_page
from bot.core.failures import Evidence
from bot.core.reasons import Reason
from bot.core.runs import PastAttempt, Run
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId

GONE_AFTER = 2
"""Edits that GitHub does not find, one after the other: somebody deleted the reply."""

BY_RULE = "a rule"
"""Stands for who asked for an attempt that nobody asked for; no login has a space."""

MAX_ATTEMPTS = 100
"""Earlier attempts of a run that are kept."""

MAX_KEPT_FAILURES = 5
"""Earlier attempts, the newest, of which it is kept why they failed."""

MAX_FAILED_NAMES = 3
"""Failed jobs of an earlier attempt that are kept by name, for programs."""

MAX_FAILED_NAME = 200
"""Characters of such a name that are kept."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to process a work item, until the lease ends or is taken over."""

    work_item_id: WorkItemId
    fencing_token: int
    repo: RepoName
    """Where it was asked for."""
    is_poll: bool = False
    """All its commands are decided: what is left is to poll its runs and to write its reply."""
    faults: int = 0
    """Steps of it that failed, one after the other, for reasons that nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Absence:
    """GitHub does not have, or does not show, what its webhook named."""

    what: str
    """The path of the request."""
    since: float


@dataclass(frozen=True, slots=True)
class Series:
    """Runs of the same that one command wants: the first is decided like any other, the others are
    started as there is room for them."""

    wanted: int
    stopped: Reason | None = None
    """Why no more are started; none while more are to come, and when all were started."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a work item, and its outcome."""

    command_id: CommandId
    place: int
    line: CommandLine
    decided: bool = False
    reason: Reason | None = None
    """Its outcome; none until decided."""
    answer: str = ""
    """Its part of the reply, in Markdown; empty when the reply only shows its runs."""
    troubled_since: float | None = None
    """Since when it cannot be decided because GitHub or Depot does not answer."""
    absence: Absence | None = None
    """What keeps it from being decided since GitHub does not have it, or does not show it."""
    series: Series | None = None
    """Once the first run of several of the same was started."""


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
    """The commit is in a fork: its author is not trusted."""
    branch: str = ""
    """Dispatch on this branch's head."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Inputs of a dispatch."""
    note: str = ""
    """What the reply adds about the run, in Markdown."""
    is_last: bool = True
    """No further run of the same command is to be started after it."""
    times: int = 1
    """How many runs of the same its command wants."""
    number: int = 1
    """Its place among these."""


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """A start of a run, saved before Depot is asked for it."""

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
    repo: RepoName
    """What its repository is called by now; `start` has the name under which it was asked for."""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A retry, rerun or cancellation of a run, saved before Depot is asked for it."""

    command_id: CommandId
    run_id: RunId
    attempts: dict[str, int]
    """The number of each job's newest attempt before the change, by job id."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run that a command started or refers to."""

    command_id: CommandId
    run: Run
    repo: RepoName
    sha: Sha
    workflow: str
    """The workflow's file name; empty for all, or for YAML sent along."""
    job: str
    """The only job that was asked for; empty for all."""
    tracked_since: float
    is_inline: bool = False
    """It runs YAML that was sent along."""
    in_fork: bool = False
    """Its commit is in a fork: the author is not trusted."""
    note: str = ""
    """What the reply adds about it, in Markdown."""
    failure: str = ""
    """Why it failed, in Markdown; the reply shows it folded."""
    evidence: tuple[Evidence, ...] = ()
    """Where else what failed in its present attempt was seen."""
    polls: int = 0
    misses: int = 0
    """How often, one after the other, Depot said that it does not know it."""
    next_poll_at: float | None = None
    """When it is polled next; none when it is no longer tracked."""
    attempts: tuple[PastAttempt, ...] = ()
    """Its earlier attempts, oldest first."""
    asked_by: str = ""
    """Login of who asked for the present attempt by a command, where that is not the first."""
    resumed_by: str = ""
    """Login of who had it go again by a command, until Depot shows the new attempt."""
    resumed_at: float | None = None
    """When a command last had it go again."""
    read_at: float | None = None
    """When Depot was last asked for all of it."""
    loaded_poll_at: float | None = field(default=None, compare=False)
    """What `next_poll_at` was when it was loaded: another in the ledger says that the run was woken
    since."""
    reply_url: str | None = None
    """The reply that shows how it goes, where that is another; empty when it is in this comment."""
    awaited_end: str | None = None
    """How it ended, for a command that asked for it: a state, or `unknown`; empty while it goes on.
    None for a command that did not ask for it, or only points to it."""
    number: int = 0
    """Its place among several runs of the same that its command wants; 0 for any other run."""
    signature: str = ""
    """Our name for what failed in it; empty where that is not known."""

    @property
    def is_over(self) -> bool:
        """Whether it is over and no further attempt is expected."""
        return self.run.is_over and not self.resumed_by

    @property
    def end(self) -> str:
        """How it ended: a state, or `unknown` when it is followed no more; empty while it goes
        on."""
        if self.is_over:
            return self.run.status
        return "" if self.next_poll_at is not None else "unknown"

    @property
    def poll_due_at(self) -> float | None:
        """When it is polled next: however many of its checks change within a second or two, Depot
        is asked once more after the last. One that a command had go again is asked for at once."""
        if self.next_poll_at is None or self.read_at is None:
            return self.next_poll_at
        if self.resumed_at is not None and self.resumed_at >= self.read_at:
            return self.next_poll_at
        return max(self.next_poll_at, self.read_at + POLLING.first)

    def past(self) -> PastAttempt:
        """Its present attempt, as it is kept when another follows."""
        names = jobs.names(self.run.jobs)
        failed = [names[job.job_id] for job in self.run.jobs if job.status == "failed"]
        return PastAttempt(
            status=self.run.status,
            asked_by=self.asked_by,
            failed=tuple(name[:MAX_FAILED_NAME] for name in failed[:MAX_FAILED_NAMES]),
            failures=len(failed),
            passed=sum(job.status == "finished" for job in self.run.jobs),
            # Depot counts the time of a run that went again from its first start.
            seconds=None if self.attempts else self.run.seconds,
            failure=self.failure,
        )

    def next_attempt(self, now: float) -> TrackedRun:
        """The same run when another attempt of it has begun."""
        attempts = (*self.attempts, self.past())
        older = tuple(replace(one, failure="") for one in attempts[:-MAX_KEPT_FAILURES])
        return replace(
            self,
            attempts=(*older, *attempts[-MAX_KEPT_FAILURES:])[-MAX_ATTEMPTS:],
            asked_by=self.resumed_by,
            resumed_by="",
            tracked_since=now,
            polls=0,
            note="",
            failure="",
            evidence=(),
            signature="",
        )


@dataclass(frozen=True, slots=True)
class RunSeries:
    """Runs of the same that one command wanted."""

    command_id: CommandId
    is_open: bool
    """More of them are to be started."""
    moving: tuple[TrackedRun, ...]
    """Those that are not over."""


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run that a command here started or was the first to change, and whose command that was."""

    run: TrackedRun
    author: str
    """Login."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a run is followed: the work item whose reply shows it."""

    work_item_id: WorkItemId
    url: str
    """The page of the comment that is answered there."""
    reply_id: int | None

    @property
    def reply_url(self) -> str:
        """The page of the reply; of the comment, while it is not posted."""
        return self.url if self.reply_id is None else comment_page(self.url, self.reply_id)


@dataclass(frozen=True, slots=True)
class Reply:
    """The one comment that answers a work item."""

    comment_id: int | None = None
    attempted: bool = False
    text: str = ""
    written_at: float | None = None
    refusals: int = 0
    """How often, one after the other, GitHub refused to have it written."""
    refused_since: float | None = None
    retry_at: float | None = None
    """When it is tried again after a refusal."""
    missing: int = 0
    """How often, one after the other, GitHub did not find it to be edited."""
    attempted_at: float | None = None
    """When it was last posted, whatever came of that."""
    twins_at: float | None = None
    """When it is looked for twins: it was posted again, since the first did not show in time."""

    @property
    def is_gone(self) -> bool:
        """Whether somebody deleted it; it is not posted anew."""
        return self.missing >= GONE_AFTER


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step did, saved when its claim is released."""

    acknowledged: bool = False
    """The reaction is on the comment, or is not going to be."""
    reply: Reply | None = None
    """The reply as it was written in this step."""
    runs: tuple[TrackedRun, ...] = ()
    """The runs that were polled."""
    author_may_write: bool = False
    """The author was seen to have the write role."""
    end_announced: bool = False
    """The author was told how the runs ended, or is not to be."""
    awaits_end: bool = False
    """As far as the step knew, a run that its commands asked for goes on."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A comment or event with its commands, their runs and the reply, as loaded."""

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
    author_may_write: bool = False
    """Its author was seen to have the write role."""
    set_aside_at: float | None = None
    """Since when it is left alone, after failing for too long."""
    end_announced: bool = False
    """Its author was told how the runs ended, or is not to be."""
    mention_attempted_at: float | None = None
    """When a comment that mentions its author was last posted, whatever came of that."""
    newest_head: Sha | None = None
    """The newest head of its pull request that was pushed after it was written; none when none was,
    as far as is known."""

    @property
    def work_item_id(self) -> WorkItemId:
        return self.comment.work_item_id

    @property
    def is_undecided(self) -> bool:
        """Whether a command, or what an event triggers, is still to be decided."""
        return not self.commands or any(not command.decided for command in self.commands)

    def absent(self, seconds: float, now: float) -> str:
        """What GitHub has lacked for so long that the command needs that is decided next; empty
        when there is nothing."""
        undecided = (one for one in self.commands if not one.decided or self.is_to_go_on(one))
        command = next(undecided, None)
        absence = command.absence if command is not None else None
        return absence.what if absence is not None and now - absence.since >= seconds else ""

    def runs_of(self, command_id: CommandId) -> tuple[TrackedRun, ...]:
        """The runs that the reply shows for a command."""
        return tuple(run for run in self.runs if run.command_id == command_id)

    def may_start_more(self, command: Command) -> bool:
        """Whether nothing has ended the starts of more runs of the same for a command."""
        series = command.series
        return series is not None and series.stopped is None and not self.reply.is_gone

    def is_stopped(self, command_id: CommandId) -> bool:
        """Whether something has ended the starts of more runs of the same for a command."""
        return any(
            one.command_id == command_id and one.series is not None and one.series.stopped
            for one in self.commands
        )

    def is_to_go_on(self, command: Command) -> bool:
        """Whether more runs of the same are to be started for a command, or one may have been."""
        if command.series is None:
            return False
        if self.open_start_attempt(command.command_id) is not None:
            return True
        is_left = self.next_number(command.command_id) <= command.series.wanted
        return is_left and self.may_start_more(command)

    @property
    def goes_on(self) -> bool:
        """Whether more runs are to be started for any of its commands that are decided."""
        return any(map(self.is_to_go_on, self.commands))

    def next_number(self, command_id: CommandId) -> int:
        """The place of the run that is started next among several of the same."""
        return max((run.number for run in self.runs_of(command_id)), default=0) + 1

    @property
    def is_near_miss(self) -> bool:
        """Whether nothing in it is a command, and one line was probably meant as one."""
        return any(command.line.is_near_miss for command in self.commands)

    @property
    def next_poll_at(self) -> float | None:
        """When the next of its runs is polled; none when no run is tracked any more."""
        times = [run.poll_due_at for run in self.runs if run.poll_due_at is not None]
        return min(times, default=None)

    @property
    def is_over(self) -> bool:
        """Whether no run of it is going on, as far as is known, and none is to be started."""
        is_quiet = all(run.is_over or run.next_poll_at is None for run in self.runs)
        return is_quiet and not self.goes_on

    @property
    def awaited_end(self) -> str:
        """How all the runs ended that its commands asked for: `failed` when one did; empty while
        one goes on or is to be started, and when none was asked for."""
        ends = [run.awaited_end for run in self.runs if run.awaited_end is not None]
        if not ends or "" in ends or self.is_undecided or self.goes_on:
            return ""
        return next((end for end in ("failed", "unknown", "cancelled") if end in ends), ends[0])

    def with_command(self, command: Command, runs: Sequence[TrackedRun] = ()) -> WorkItem:
        """A copy with this state of a command, and with further runs."""
        commands = tuple(
            command if old.command_id == command.command_id else old for old in self.commands
        )
        return replace(self, commands=commands, runs=(*self.runs, *runs))

    def with_runs(self, polled: Sequence[TrackedRun]) -> WorkItem:
        """A copy with these states of some of its runs."""
        newer = {(run.command_id, run.run.run_id): run for run in polled}
        runs = tuple(newer.get((run.command_id, run.run.run_id), run) for run in self.runs)
        return replace(self, runs=runs)

    def open_start_attempt(self, command_id: CommandId) -> StartAttempt | None:
        """The start of a command whose outcome is not known; none when there is none."""
        open_attempts = (
            attempt
            for attempt in self.start_attempts
            if attempt.command_id == command_id and attempt.outcome == "open"
        )
        return next(open_attempts, None)

    def has_begun(self, command_id: CommandId) -> bool:
        """Whether an earlier step was about to start or change a run for this command."""
        attempts = any(attempt.command_id == command_id for attempt in self.start_attempts)
        return attempts or bool(self.changes_of(command_id))

    def changes_of(self, command_id: CommandId) -> tuple[PendingChange, ...]:
        """The saved changes of runs by this command."""
        return tuple(change for change in self.pending_changes if change.command_id == command_id)

    def has_started(self, command_id: CommandId, request: StartRequest) -> bool:
        """Whether an earlier step started this run for the command."""
        return self._has_attempt(command_id, request, "started")

    def has_lost_start(self, command_id: CommandId, request: StartRequest) -> bool:
        """Whether no run was found for an earlier start of the same by this command."""
        return self._has_attempt(command_id, request, "lost")

    def _has_attempt(self, command_id: CommandId, request: StartRequest, outcome: str) -> bool:
        what = (request.workflow, request.job, request.content, request.number)
        starts = (
            attempt.start
            for attempt in self.start_attempts
            if attempt.command_id == command_id and attempt.outcome == outcome
        )
        return any((one.workflow, one.job, one.content, one.number) == what for one in starts)
