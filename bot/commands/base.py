"""What a command is, what it may touch, and the answers it can give.

A command says what should happen next; it does not post, and it does not decide who may.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.core.events import CommandLine
from bot.core.models import PendingChange, StartAttempt, TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Job, ListedRun, Workflow
from bot.core.types import Head, Permission, Sha
from bot.depot.client import Depot
from bot.parsing.arguments import usage
from bot.parsing.workflow_file import Outline
from bot.rules.repository_config import Config


@dataclass(frozen=True, slots=True)
class Answer:
    """The command is done, and this is the answer (Markdown)."""

    text: str
    reason: Reason = Reason.ANSWERED
    settles: StartAttempt | None = None
    """The intent that this settles, with its outcome; stored together with the answer."""


@dataclass(frozen=True, slots=True)
class TrackRuns:
    """The command is done once these runs are over; the reply shows how they stand."""

    runs: tuple[TrackedRun, ...]
    reason: Reason = Reason.STARTED
    settles: StartAttempt | None = None


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not decided yet: ask again in *seconds*; the reply says *text* meanwhile."""

    seconds: float
    text: str
    troubled_since: float | None = None
    """Since when GitHub or Depot does not answer, when that is why."""


Outcome = Answer | TrackRuns | RetryLater


class Here(Protocol):
    """The pull request that a command was written under. What is missing raises `Refused`."""

    @property
    def commands(self) -> Mapping[str, CommandSpec]:
        """The command table."""
        ...

    @property
    def asker(self) -> str:
        """The login of whoever wrote the command."""
        ...

    @property
    def has(self) -> Permission:
        """The asker's role."""
        ...

    @property
    def config(self) -> Config:
        """The repository's config."""
        ...

    async def proposed_configs(self) -> Sequence[tuple[str, str]]:
        """Path and text of the repository's config as this pull request would leave it."""
        ...

    async def unless_said_before(self, text: str) -> str:
        """*text*; empty when the same command was last answered the same here."""
        ...

    @property
    def depot(self) -> Depot:
        """Depot, for reading and for what is done to runs that are there."""
        ...

    @property
    def blocks(self) -> tuple[str, ...]:
        """The YAML blocks below the command."""
        ...

    async def head(self, pinned: Sha | None = None) -> Head:
        """The head commit, when this command may run it."""
        ...

    async def shown_head(self) -> Head:
        """The head commit, to be looked at only."""
        ...

    async def workflow_names(self, sha: Sha) -> tuple[str, ...]:
        """The workflow files at a commit; refused when there are none."""
        ...

    async def outline(self, sha: Sha, workflow: str) -> Outline:
        """The jobs of a workflow."""
        ...

    async def start(
        self, head: Head, workflow: str | None, job: str | None, *, force: bool
    ) -> Outcome:
        """Start a run, once, of a workflow as it was typed; of all workflows when none is named.

        Points to a run of the same that is under way, unless *force*.
        """
        ...

    async def start_inline(self, head: Head, job: str | None) -> Outcome:
        """Start a run, once, of the YAML blocks below the command."""
        ...

    async def dispatch(self, workflow: str, inputs: Mapping[str, str]) -> Outcome:
        """Start a workflow, once, by its `workflow_dispatch` on the head branch."""
        ...

    async def runs(self) -> list[ListedRun]:
        """The runs on the head commit, newest first."""
        ...

    async def run(self, typed: str | None) -> TrackedRun:
        """A run of this repository: the one that was typed, or the newest of this pull request.

        Once a deed is noted for this command, the run that it is about.
        """
        ...

    async def job(self, run: TrackedRun, typed: str) -> tuple[Workflow, Job]:
        """The one job of a run that was meant."""
        ...

    @property
    def pending_change(self) -> PendingChange | None:
        """What this command was about to do in an earlier try, if it came so far."""
        ...

    async def save_pending_change(self, run: TrackedRun) -> PendingChange:
        """Note, before Depot is asked, how the run stands; in a later try, how it stood."""
        ...

    async def check_again(self, run: TrackedRun) -> None:
        """Refuses to have a run go again that must not be started at all."""
        ...

    async def set_going(
        self,
        run: TrackedRun,
        workflows: Sequence[Workflow],
        call: Callable[[str], Awaitable[None]],
    ) -> None:
        """Have workflows of a run that were over moved again, each once, by a call with its id."""
        ...

    async def resume_tracking(self, run: TrackedRun, status: str, reason: Reason) -> TrackRuns:
        """Follow a run that was moved, here and wherever it was followed before.

        *status* is how it should stand now; what it says until the first look.
        """
        ...


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One row of the command table."""

    arguments: type
    """The dataclass whose fields are the command's arguments."""
    handler: Callable[[Any, Here], Awaitable[Outcome]]
    required_permission: Permission
    summary: str
    examples: tuple[str, ...]
    required_permission_for: Callable[[Any, CommandLine], Permission] | None = None
    """What one particular line needs at least, whatever the repository's config says."""
    starts_run: bool = False
    """It starts a run on the head: what that needs is asked for ahead of the decision. Its words
    are then `workflow`, `job` and `sha`."""
    is_always_answered: bool = False
    """It answers whatever the repository's config says, and whoever asks."""

    def usage(self, verb: str) -> str:
        return usage(verb, self.arguments)
