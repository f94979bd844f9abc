"""What a command's handler may read: the head and what is in it, and runs of this repository."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from bot.commands.base import Asked
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.failures import Evidence, FlakyJob
from bot.core.models import Command, KnownRun, PendingChange, RunSeries, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.runs import Artifact, Diagnosis, Job, ListedRun, Run, Workflow, is_over
from bot.core.types import Head, Permission, RunId, Sha
from bot.depot.client import Depot, DepotRefused, Target
from bot.engine.known_failures import LOOK_SECONDS, Gaps, KnownFailures
from bot.engine.run_poller import attempt_of
from bot.engine.runs import unlisted
from bot.github.repository import Repository
from bot.messages import refusals
from bot.parsing.arguments import closest_match, is_file_name
from bot.parsing.workflow_file import BadWorkflow, Outline, matches
from bot.rules import policy
from bot.rules.policy import Allowed
from bot.storage.ledger import Ledger

MAX_RUNS = 20
"""Runs on the head that are looked into for one command."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CommandReader:
    """`bot.commands.base.Reader` for one command that was allowed."""

    asked: Asked
    allowed: Allowed
    item: WorkItem
    command: Command
    verb: str
    repository: Repository
    depot: Depot
    ledger: Ledger
    now: float
    seen_head: Callable[[], Awaitable[Head]]
    """The head as GitHub showed it in this step; read when nobody has."""
    why_no_start: Callable[[], Awaitable[str]]
    """Why a run on the head would be refused; empty when it would not."""
    why_no_access: Callable[[str, str, Permission], Awaitable[str]]
    """Why the author may not use what a key of `permissions` guards; empty where they may."""
    may_tell_access: Callable[[], bool]
    """Whether everything that this takes could be read so far."""

    # --- the head and what is in it --------------------------------------------------------------

    @property
    def checked_head(self) -> Head:
        if self.allowed.head is None:
            raise TypeError(f"the head was not checked for {self.verb}")
        return self.allowed.head

    @property
    def workflows(self) -> tuple[str, ...]:
        return self.allowed.workflows

    async def head(self) -> Head:
        return await self.seen_head()

    async def head_problem(self) -> str:
        return await self.why_no_start()

    async def access_problem(self, shown: str, key: str, by_default: Permission) -> str:
        return await self.why_no_access(shown, key, by_default)

    def is_recognised(self) -> bool:
        return self.may_tell_access()

    async def workflow_names(self, sha: Sha) -> tuple[str, ...]:
        names = await self.repository.workflow_names(sha)
        if not names:
            raise Refused(Reason.NO_WORKFLOWS, refusals.no_workflows(sha))
        return names

    async def outline(self, sha: Sha, workflow: str) -> Outline:
        try:
            return await self.repository.workflow_outline(sha, workflow)
        except BadWorkflow as wrong:
            raise Refused(
                Reason.BAD_WORKFLOW, refusals.unreadable_workflow(workflow, sha, str(wrong))
            ) from wrong

    async def proposed_configs(self) -> Sequence[tuple[str, str]]:
        return await self.repository.config_texts_at((await self.head()).sha)

    # --- runs that are there ---------------------------------------------------------------------

    @property
    def pending_changes(self) -> tuple[PendingChange, ...]:
        return self.item.changes_of(self.command.command_id)

    async def runs(self) -> list[ListedRun]:
        repo, sha = self.item.comment.repo, (await self.head()).sha
        listed = await self.depot.runs(repo, sha)
        tracked = await self.ledger.items.tracked_runs_at(repo, sha)
        ours = [run for run in listed if run.repo.lower() == repo.lower()]
        return [*unlisted(listed, tracked), *ours]

    async def run(self, typed: str | None) -> TrackedRun:
        if self.pending_changes:
            return await self._run(self.pending_changes[0].run_id)
        if typed is None:
            return await self._run(await self._newest())
        workflow = await self._workflow(typed)
        if workflow is None:
            return await self._run(RunId(typed))
        found = await self._newest_by_workflow(workflow)
        if not found:
            raise Refused(Reason.NO_RUN, refusals.no_run_of(workflow))
        return found[0]

    async def newest_runs(self, typed: str | None) -> tuple[TrackedRun, ...]:
        if self.pending_changes:
            return await self._changed_runs()
        if typed is not None:
            return (await self.run(typed),)
        found = await self._newest_by_workflow(None)
        return found or (await self.run(None),)

    async def runs_under_way(self, typed: str | None) -> tuple[TrackedRun, ...]:
        if self.pending_changes:
            return await self._changed_runs()
        workflow = await self._workflow(typed) if typed is not None else None
        if typed is not None and workflow is None:
            return (await self._run(RunId(typed)),)
        listed = [run for run in await self.runs() if not is_over(run.status)]
        found = await asyncio.gather(*(self._known(run) for run in listed[:MAX_RUNS]))
        return tuple(
            _only(run, [workflow]) if workflow else run
            for run in found
            if workflow is None or _has(run, workflow)
        )

    async def outdated_runs(self) -> tuple[TrackedRun, ...]:
        comment = self.item.comment
        heads = await self.ledger.pull_requests.newest_heads(comment.repo, comment.number)
        # Several in one second: each of them may be the newest.
        newest = {head.sha for head in heads if head.since == heads[0].since}
        is_closed = comment.event is not None and comment.event.kind == "closed"
        # It may have been reopened since.
        asked_until = comment.written_at if is_closed else math.inf
        started = await self.ledger.items.started_runs(comment.repo, comment.number, asked_until)
        moving = [run for run in started if not run.run.is_over]
        return tuple(run for run in moving if is_closed or (newest and run.sha not in newest))

    async def _changed_runs(self) -> tuple[TrackedRun, ...]:
        """The runs that an earlier step was about to change."""
        changes = (self._run(change.run_id) for change in self.pending_changes)
        return tuple(await asyncio.gather(*changes))

    async def _workflow(self, typed: str) -> str | None:
        """The workflow file at the head that was typed; none when it is a run's id."""
        head = await self.head()
        names = await self.repository.workflow_names(head.sha)
        found = matches(typed, names)
        if len(found) > 1:
            raise Refused(Reason.AMBIGUOUS_WORKFLOW, refusals.ambiguous_workflow(typed, found))
        if not found and is_file_name(typed):
            closest = closest_match(typed, names)
            raise Refused(
                Reason.UNKNOWN_WORKFLOW,
                refusals.unknown_workflow(typed, head.sha, names, closest),
            )
        return found[0] if found else None

    async def _newest_by_workflow(self, wanted: str | None) -> tuple[TrackedRun, ...]:
        """The newest run on the head of each workflow, or of the one that is wanted; each with the
        workflows of which it is the newest."""
        seen: set[str] = set()
        found: list[TrackedRun] = []
        listed = (await self.runs())[:MAX_RUNS]
        for run in await asyncio.gather(*(self._known(one) for one in listed)):
            names = {workflow.file_name for workflow in run.run.workflows} - seen
            seen |= names
            meant = names if wanted is None else names & {wanted}
            if meant:
                found.append(_only(run, meant))
        return tuple(found)

    async def _known(self, listed: ListedRun) -> TrackedRun:
        """A run that Depot listed for this repository."""
        run, known = await asyncio.gather(
            self.depot.run_status(listed.run_id), self.ledger.items.find_run(listed.run_id)
        )
        return await self._tracked(listed, run, known)

    async def _run(self, run_id: RunId) -> TrackedRun:
        reading = asyncio.ensure_future(self.depot.run_status(run_id))
        try:
            # Whether it is one of this repository comes before anything else that can be said.
            listed, known = await self._listed(run_id)
        except BaseException:
            await asyncio.gather(reading, return_exceptions=True)
            raise
        return await self._tracked(listed, await reading, known)

    async def _run_if_there(self, run_id: RunId) -> TrackedRun | None:
        """A run that nobody typed; none where Depot no longer knows it."""
        try:
            return await self._run(run_id)
        except Refused:
            return None

    async def _newest(self) -> RunId:
        """The newest run on the head; else the newest that a command here started."""
        if listed := await self.runs():
            return listed[0].run_id
        comment = self.item.comment
        known = await self.ledger.items.newest_run(comment.repo, comment.number)
        if known is None:
            raise Refused(Reason.NO_RUN, refusals.no_run())
        return known.run.run_id

    async def _listed(self, run_id: RunId) -> tuple[ListedRun, TrackedRun | None]:
        """A run, when it is one of this repository, and what is known of it here.

        The organisation's token reaches the runs of all its repositories, so an id proves nothing;
        another repository's run and an unknown one get the same answer.
        """
        try:
            listed = await self.depot.listed_run(run_id)
        except DepotRefused as no:
            if no.code != "not_found":
                raise
            raise Refused(Reason.UNKNOWN_RUN, refusals.unknown_run(run_id)) from no
        known = await self.ledger.items.find_run(run_id)
        # Depot may know the repository by a name that it had before.
        names = {listed.repo.lower(), known.repo.lower() if known is not None else ""}
        if self.item.comment.repo.lower() not in names:
            raise Refused(Reason.UNKNOWN_RUN, refusals.unknown_run(run_id))
        return listed, known

    async def _tracked(self, listed: ListedRun, run: Run, known: TrackedRun | None) -> TrackedRun:
        """A run as this command sees it; what is known of its start says more than its tree."""
        paths = [workflow.file_name for workflow in run.workflows]
        tracked = TrackedRun(
            command_id=self.command.command_id,
            run=run,
            repo=self.item.comment.repo,
            sha=listed.sha,
            workflow=known.workflow if known else paths[0] if len(paths) == 1 else "",
            job=known.job if known else "",
            tracked_since=self.now,
            is_inline=known.is_inline if known else bool(paths) and not any(paths),
            in_fork=known is not None and known.in_fork,
        )
        if known is None:
            return tracked
        current = attempt_of(known, run, self.now)
        if len(current.attempts) > len(known.attempts):
            await self.ledger.queue.reread_runs([run.run_id])  # its reply does not know yet
        return replace(tracked, attempts=current.attempts, asked_by=current.asked_by)

    async def job(self, runs: Sequence[TrackedRun], typed: str) -> tuple[TrackedRun, Workflow, Job]:
        found = [
            (run, workflow, job)
            for run in runs
            for job in jobs.match(typed, run.run.jobs)
            for workflow in run.run.workflows
            if job in workflow.jobs
        ]
        # A run that was started for another job has left it out.
        found = [one for one in found if one[2].status != "skipped"] or found
        if not found:
            all_jobs = [job for run in runs for job in run.run.jobs]
            closest = closest_match(typed, list(jobs.names(all_jobs).values()))
            keys = [job.key for job in all_jobs]
            raise Refused(
                Reason.UNKNOWN_JOB, refusals.unknown_job_of_run(typed, runs[0], keys, closest)
            )
        if len(found) > 1:
            keys = [job.key for _, _, job in found]
            raise Refused(Reason.AMBIGUOUS_JOB, refusals.ambiguous_job(typed, keys))
        return found[0]

    async def series(self, runs: Sequence[TrackedRun]) -> RunSeries | None:
        known = await self.ledger.items.series([run.run.run_id for run in runs])
        if known is None:
            return None
        read = {run.run.run_id: run for run in runs}
        others = [run for run in known.moving if run.run.run_id not in read]
        found = await asyncio.gather(*(self._run_if_there(one.run.run_id) for one in others))
        read |= {run.run.run_id: run for run in found if run is not None}
        return replace(known, moving=tuple(run for run in read.values() if not run.run.is_over))

    async def check_again(self, run: TrackedRun) -> None:
        in_fork = (
            run.in_fork
            or (await self.head()).in_fork
            or await self.ledger.pull_requests.is_from_fork(run.repo, run.sha)
        )
        policy.check_again(in_fork, self.asked.config)
        if run.is_inline:
            policy.check_permission(self.verb, Permission.MAINTAIN, self.asked.role)

    async def run_status(self, run_id: RunId) -> Run:
        return await self.depot.run_status(run_id)

    async def known_runs(self, run_ids: Sequence[RunId]) -> Mapping[RunId, KnownRun]:
        return await self.ledger.items.known_runs(run_ids)

    async def log_tail(self, attempt_id: str, lines: int) -> list[str]:
        return [line.text for line in await self.depot.log_tail(attempt_id, lines)]

    async def diagnosis(self, target: Target, target_id: str) -> Diagnosis:
        return await self.depot.diagnosis(target, target_id)

    async def artifacts(self, run_id: RunId) -> list[Artifact]:
        return await self.depot.artifacts(run_id)

    async def seen_elsewhere(self, run: TrackedRun, diagnosis: Diagnosis) -> tuple[Evidence, ...]:
        known = KnownFailures(self.item.comment, self.repository, self.depot, self.ledger)
        gaps: Gaps = []
        found = await known.look(run, diagnosis, gaps, seconds=LOOK_SECONDS)
        for error in gaps:
            log.warning("evidence_unavailable", run=run.run.run_id, error=str(error))
        return found

    async def flaky_jobs(self) -> list[FlakyJob]:
        return await self.ledger.job_failures.flaky(self.item.comment.repo)


def _only(run: TrackedRun, names: Collection[str]) -> TrackedRun:
    """The run with these of its workflows alone: what was not named is left as it is."""
    workflows = tuple(one for one in run.run.workflows if one.file_name in names)
    return replace(run, run=replace(run.run, workflows=workflows))


def _has(run: TrackedRun, workflow: str) -> bool:
    return any(one.file_name == workflow for one in run.run.workflows)
