"""What a command is, what its handler may read, and the values it can return.

A handler says what should happen next. It does not post, start or change anything, and it does not
decide who may.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from bot.core.errors import Misreading
from bot.core.events import CommandLine
from bot.core.failures import Evidence, FlakyJob
from bot.core.models import (
    Absence,
    KnownRun,
    PendingChange,
    RunSeries,
    StartAttempt,
    StartRequest,
    TrackedRun,
)
from bot.core.reasons import Reason
from bot.core.runs import Artifact, Diagnosis, Job, ListedRun, Run, Workflow
from bot.core.types import CommandId, Detail, Head, Permission, RunId, Sha
from bot.depot.client import Target
from bot.parsing.arguments import format_command, needs_of, parse_command, usage
from bot.parsing.words import quoted
from bot.parsing.workflow_file import Outline
from bot.rules.policy import CommandNeeds, StartTarget
from bot.rules.repository_config import Config

# --- what a handler returns ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """The command is done, and this is the answer (Markdown)."""

    text: str
    reason: Reason = Reason.ANSWERED
    settles: StartAttempt | None = None
    """The start attempt that this settles, with its outcome; stored together with the answer."""


@dataclass(frozen=True, slots=True)
class TrackRuns:
    """The command is done once these runs are over; the reply shows how they stand."""

    runs: tuple[TrackedRun, ...]
    reason: Reason = Reason.STARTED
    settles: StartAttempt | None = None
    times: int = 1
    """More runs of the same are to be started, so many in all."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not decided yet: ask again in *seconds*; the reply says *text* meanwhile."""

    seconds: float
    text: str
    troubled_since: float | None = None
    """Since when GitHub or Depot does not answer, when that is why."""
    absence: Absence | None = None
    """What GitHub does not have of what its webhook named, when that is why."""
    keeps_turn: bool = True
    """Later commands of the pull request wait for it."""


@dataclass(frozen=True, slots=True)
class StartRuns:
    """Start these runs, each once; or point to the same one that is under way, unless *force*."""

    requests: tuple[StartRequest, ...]
    force: bool = False


class Change(Enum):
    """What can be done to a run that is there."""

    RETRY = "retry"
    RERUN = "rerun"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class ChangeRun:
    """Retry, rerun or cancel a run, or one job of it."""

    change: Change
    run: TrackedRun
    workflows: tuple[Workflow, ...] = ()
    """The workflows that go again; with *job* the one it belongs to."""
    job: Job | None = None
    """Only this job."""
    refused: Answer | None = None
    """The answer when Depot says that the job's state does not allow it."""
    is_done: bool = False
    """An earlier step has done it already; only the run is still to be tracked."""


@dataclass(frozen=True, slots=True)
class ChangeRuns:
    """Change these runs, or jobs of them, one after the other."""

    changes: tuple[ChangeRun, ...]
    note: str = ""
    """What the reply adds, in Markdown."""
    is_quiet: bool = False
    """Nobody asked for it: it has no reply, and the note goes to the replies of these runs."""
    stops: CommandId | None = None
    """No more runs of the same are started for this command."""


Outcome = Answer | TrackRuns | RetryLater
"""What a command comes to in a step."""

Handled = Answer | StartRuns | ChangeRuns
"""What a handler returns."""

# --- what a handler may read ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """The command as it was given, and by whom."""

    line: CommandLine
    author: str
    """Login of its author."""
    role: Permission
    config: Config
    """The repository's rules."""
    is_public: bool
    """Everybody can read the repository."""
    now: float
    commands: Mapping[str, Command]
    """The command table."""


class HeadReader(Protocol):
    """Reads the head commit and what is in it. What is missing raises `Refused`."""

    @property
    def asked(self) -> Asked: ...

    async def head(self) -> Head:
        """The head commit as GitHub shows it; it may not be one that this command may run."""
        ...

    async def head_problem(self) -> str:
        """Why a run on the head would be refused now; empty when it would not."""
        ...

    async def access_problem(self, shown: str, key: str, by_default: Permission) -> str:
        """Why the author may not use what a key of `permissions` guards; empty where they may.
        *shown* is how it is typed, *by_default* what it needs where the config says nothing."""
        ...

    def is_recognised(self) -> bool:
        """Whether `access_problem` could read so far if the author is one of those that the config
        names. Where it could not, the role alone counts."""
        ...

    async def workflow_names(self, sha: Sha) -> tuple[str, ...]:
        """The workflow files at a commit; refused when there are none."""
        ...

    async def outline(self, sha: Sha, workflow: str) -> Outline:
        """The jobs of a workflow."""
        ...

    async def proposed_configs(self) -> Sequence[tuple[str, str]]:
        """Path and text of the repository's config as this pull request would leave it."""
        ...


class RunReader(Protocol):
    """Reads runs of this repository. What is missing raises `Refused`."""

    @property
    def asked(self) -> Asked: ...

    @property
    def pending_changes(self) -> tuple[PendingChange, ...]:
        """What this command was about to do in an earlier step, if it came so far."""
        ...

    async def head(self) -> Head: ...

    async def runs(self) -> list[ListedRun]:
        """The runs on the head commit, newest first."""
        ...

    async def run(self, typed: str | None) -> TrackedRun:
        """A run of this repository: the one that was typed by its id, the newest on the head of the
        workflow that was typed, or the newest of this pull request."""
        ...

    async def newest_runs(self, typed: str | None) -> tuple[TrackedRun, ...]:
        """The run that was typed, or the newest on the head of the workflow that was typed, or of
        each workflow. With pending changes, the runs that they are about."""
        ...

    async def runs_under_way(self, typed: str | None) -> tuple[TrackedRun, ...]:
        """The same of runs on the head that are not over; a typed id stands for itself."""
        ...

    async def outdated_runs(self) -> tuple[TrackedRun, ...]:
        """What commands here started on another head than the newest and is not over; all that is
        not over, and was asked for before, when the pull request was closed."""
        ...

    async def series(self, runs: Sequence[TrackedRun]) -> RunSeries | None:
        """The runs of the same that one command wanted, where all of these are among them."""
        ...

    async def check_again(self, run: TrackedRun) -> None:
        """Refuses to have a run go again that must not be started at all."""
        ...

    async def run_status(self, run_id: RunId) -> Run: ...

    async def known_runs(self, run_ids: Sequence[RunId]) -> Mapping[RunId, KnownRun]:
        """Those of some runs that commands started, or were the first to change."""
        ...

    async def job(self, runs: Sequence[TrackedRun], typed: str) -> tuple[TrackedRun, Workflow, Job]:
        """The one job of these runs that was meant."""
        ...

    async def log_tail(self, attempt_id: str, lines: int) -> list[str]: ...

    async def diagnosis(self, target: Target, target_id: str) -> Diagnosis: ...

    async def artifacts(self, run_id: RunId) -> list[Artifact]: ...

    async def seen_elsewhere(self, run: TrackedRun, diagnosis: Diagnosis) -> tuple[Evidence, ...]:
        """Where else the failures of a run were seen; nothing where that cannot be found out."""
        ...

    async def flaky_jobs(self) -> list[FlakyJob]:
        """The jobs of this repository that failed and then passed on the same commit."""
        ...


class StartReader(Protocol):
    """What a command that starts a run on the head may read; the head was checked before."""

    @property
    def asked(self) -> Asked: ...

    @property
    def checked_head(self) -> Head:
        """The head commit, which this command may run."""
        ...

    @property
    def workflows(self) -> tuple[str, ...]:
        """File names, found and allowed; none for all, or for YAML sent along."""
        ...

    async def outline(self, sha: Sha, workflow: str) -> Outline:
        """The jobs of a workflow."""
        ...


class Reader(HeadReader, RunReader, StartReader, Protocol):
    """All of it; a handler's signature names the part it needs."""


# --- the table -----------------------------------------------------------------------------------

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """A line that was read: what it needs, and how to carry it out."""

    needs: CommandNeeds
    handle: Callable[[Reader], Awaitable[Handled]]


class Command(Protocol):
    """A row of the command table, whatever its arguments."""

    @property
    def arguments(self) -> type: ...

    @property
    def required_permission(self) -> Permission: ...

    @property
    def summary(self) -> str: ...

    @property
    def examples(self) -> tuple[str, ...]: ...

    @property
    def is_always_answered(self) -> bool: ...

    @property
    def quotes(self) -> Detail | None: ...

    @property
    def starts_workflows(self) -> bool:
        """Whether it starts workflows on the head."""
        ...

    def usage(self, verb: str) -> str:
        """How to type it."""
        ...

    def least_permission(self, typed: object, line: CommandLine) -> Permission:
        """What one particular line needs at least, whatever the repository's config says."""
        ...

    def parsed(self, verb: str, typed: object, line: CommandLine) -> ParsedCommand:
        """The command with these arguments, an instance of `arguments`."""
        ...


@dataclass(frozen=True, slots=True)
class CommandSpec(Generic[A]):
    """A row of the command table."""

    arguments: type[A]
    """The dataclass whose fields are the command's arguments."""
    handler: Callable[[A, Reader], Awaitable[Handled]]
    required_permission: Permission
    summary: str
    examples: tuple[str, ...]
    required_permission_for: Callable[[A, CommandLine], Permission] | None = None
    """What one particular line needs at least, whatever the repository's config says."""
    start_target: Callable[[A, CommandLine], StartTarget] | None = None
    """For commands that start a run on the head: which."""
    with_commit: Callable[[A, Sha], A] | None = None
    """The same arguments with this commit, where the command takes one."""
    quotes: Detail | None = None
    """What its answer quotes from a run."""
    is_always_answered: bool = False
    """It answers whatever the repository's config says, no matter who asks."""

    @property
    def starts_workflows(self) -> bool:
        return self.start_target is not None

    def usage(self, verb: str) -> str:
        return usage(verb, self.arguments)

    def least_permission(self, typed: object, line: CommandLine) -> Permission:
        if self.required_permission_for is None or not isinstance(typed, self.arguments):
            return Permission.NONE
        return self.required_permission_for(typed, line)

    def parsed(self, verb: str, typed: object, line: CommandLine) -> ParsedCommand:
        if not isinstance(typed, self.arguments):
            raise TypeError(f"{typed!r} are no arguments of {verb}")
        arguments: A = typed
        target = self.start_target(arguments, line) if self.start_target else None

        def again(sha: Sha) -> str:
            same = arguments if self.with_commit is None else self.with_commit(arguments, sha)
            return "/depot " + format_command(verb, same)

        def pin(sha: Sha) -> str:
            return again(sha) if self.with_commit else run_at(sha, target)

        async def handle(reader: Reader) -> Handled:
            return await self.handler(arguments, reader)

        needs = CommandNeeds(
            verb=verb,
            required_permission=self.required_permission,
            least_permission=self.least_permission(arguments, line),
            is_always_answered=self.is_always_answered,
            further=needs_of(arguments),
            quotes=self.quotes,
            target=target,
            again=again,
            pin=pin,
        )
        return ParsedCommand(needs, handle)


def arguments_by_verb(commands: Mapping[str, Command]) -> dict[str, type]:
    """The arguments of each command, as the parser takes them."""
    return {verb: command.arguments for verb, command in commands.items()}


def parse_line(
    line: CommandLine, config: Config, commands: Mapping[str, Command]
) -> ParsedCommand | Misreading:
    """The command on a line, with the repository's aliases; or what is wrong with it."""
    verbs = arguments_by_verb(commands)
    typed = parse_command(config.expand(line.text), verbs, config.aliases)
    if isinstance(typed, Misreading):
        return typed
    verb = verb_of(typed, verbs)
    return commands[verb].parsed(verb, typed, line)


def verb_of(typed: object, verbs: Mapping[str, type]) -> str:
    """The command that *typed* are the arguments of."""
    return next(verb for verb, arguments in verbs.items() if isinstance(typed, arguments))


def run_at(sha: Sha, target: StartTarget | None = None) -> str:
    """How to run workflows on a commit that is named."""
    workflows = target.workflows if target else ()
    return " ".join(["/depot run", *map(quoted, workflows), f"sha={sha}"])
