"""What a command may touch: its pull request, the workflow files at the head, and runs."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.commands.base import CommandSpec, Outcome, TrackRuns
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.models import Command as Row
from bot.core.models import PendingChange, StartRequest, TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Job, ListedRun, Run, Workflow, is_over
from bot.core.types import CommandId, Head, Permission, RepoName, RunId, Sha
from bot.depot.client import Depot, DepotRefused
from bot.engine.start import Starter
from bot.engine.visit import LOOK_SECONDS, Visit
from bot.github.repository import PullRequest
from bot.messages import refusals as refusal_messages
from bot.messages import runs as run_messages
from bot.parsing.arguments import arguments_of, closest_match, format_command
from bot.parsing.workflow_file import BadWorkflow, Outline, candidates, matches, outline
from bot.rules import policy
from bot.rules.repository_config import PATHS, Config


@dataclass(frozen=True, slots=True)
class PullRequestHere:
    """`bot.commands.base.Here` for one command of a request."""

    visit: Visit
    commands: Mapping[str, CommandSpec]
    starter: Starter
    row: Row
    verb: str
    typed: Any
    """The command as it was read: an instance of its dataclass."""
    config: Config
    has: Permission
    """The asker's role."""

    @property
    def depot(self) -> Depot:
        return self.starter.depot

    @property
    def asker(self) -> str:
        return self.visit.request.comment.author.login

    @property
    def blocks(self) -> tuple[str, ...]:
        return self.row.line.blocks

    @property
    def repo(self) -> RepoName:
        return self.visit.request.comment.repo

    @property
    def command_id(self) -> CommandId:
        return self.row.command_id

    # --- the head and what is in it --------------------------------------------------------------

    async def head(self, pinned: Sha | None = None) -> Head:
        comment = self.visit.request.comment
        pull = await self.visit.pull_request()
        head = pull.head
        pinned = pinned or comment.reviewed
        if comment.event is not None and not head.in_fork:
            pinned = comment.event.sha
        policy.check_exists(head)
        await self.visit.check_lag(head, self.starter.clock.now())
        facts = policy.HeadFacts(
            head=head,
            is_open=pull.is_open,
            pinned=pinned,
            since=None if pinned or head.in_fork else await self.visit.head_since(head.sha),
            asked_at=comment.written_at,
            may_write=head.in_fork and await self._may_write(),
            forks=self.config.forks,
        )
        policy.check_head(facts, self._again(head), self._pin(head))
        return head

    async def _may_write(self) -> bool:
        return await self.visit.own_permission() >= Permission.WRITE

    async def shown_head(self) -> Head:
        return (await self.visit.pull_request()).head

    async def workflow_names(self, sha: Sha) -> tuple[str, ...]:
        names = await self.visit.repository.workflow_names(sha)
        if not names:
            raise Refused(Reason.NO_WORKFLOWS, refusal_messages.no_workflows(sha))
        return names

    async def outline(self, sha: Sha, workflow: str) -> Outline:
        text = await self.visit.repository.workflow_text(sha, workflow)
        try:
            if text is None:
                raise BadWorkflow("too large, or not there")
            return outline(text)
        except BadWorkflow as wrong:
            raise Refused(
                Reason.BAD_WORKFLOW, refusal_messages.unreadable_workflow(workflow, sha, str(wrong))
            ) from wrong

    async def proposed_configs(self) -> Sequence[tuple[str, str]]:
        head = await self.shown_head()
        return await self.visit.repository.texts(PATHS, head.sha)

    async def unless_said_before(self, text: str) -> str:
        comment = self.visit.request.comment
        before = await self.starter.ledger.last_answer(
            comment.repo, comment.number, self.row.line.text
        )
        return "" if text == before else text

    # --- starting --------------------------------------------------------------------------------

    async def start(
        self, head: Head, workflow: str | None, job: str | None, *, force: bool
    ) -> Outcome:
        start = StartRequest(repo=self.repo, sha=head.sha, job=job or "", in_fork=head.in_fork)
        (name, note), (before, pull), following = await asyncio.gather(
            self._workflow(head.sha, workflow, job),
            self._before(start, workflow),
            self.starter.ledger.tracked_runs_at(self.repo, head.sha),
        )
        start = replace(start, workflow=name, note=note)
        self._check_workflows([name] if name else await self.workflow_names(head.sha))
        if not force and (running := _same(start, following, before)) is not None:
            return TrackRuns((self._pointing_to(running),), reason=Reason.ALREADY_RUNNING)
        return await self._send(start, before, head, pull)

    async def _before(
        self, start: StartRequest, typed: str | None
    ) -> tuple[list[ListedRun], PullRequest]:
        """The runs that are there already, and a last look at the pull request."""
        ahead = await self.visit.ahead(self.command_id, start.sha)
        if ahead is None:
            before, pull = await asyncio.gather(
                self.starter.before(start), self.visit.fresh_pull_request()
            )
            return before, pull
        wanted = candidates(typed or "") if start.job else []
        is_known = self.visit.repository.has_read(start.sha, wanted) and (typed or not start.job)
        if is_known and self.starter.clock.now() - ahead.looked_at <= LOOK_SECONDS:
            return ahead.before, ahead.pull  # `Run` comes next
        return ahead.before, await self.visit.fresh_pull_request()

    async def start_inline(self, head: Head, job: str | None) -> Outcome:
        policy.check_inline(head)
        _check_blocks(self.blocks, job)
        start = StartRequest(repo=self.repo, sha=head.sha, job=job or "", content=self.blocks)
        before, pull = await self._before(start, None)
        return await self._send(start, before, head, pull)

    async def dispatch(self, workflow: str, inputs: Mapping[str, str]) -> Outcome:
        policy.check_dispatch(await self.shown_head())
        head = await self.head()
        start = StartRequest(repo=self.repo, sha=head.sha, branch=head.branch, inputs=dict(inputs))
        names, before, pull, _ = await asyncio.gather(
            self.workflow_names(head.sha),
            self.starter.before(start),
            self.visit.fresh_pull_request(),
            self.visit.read_texts(head.sha, workflow),
        )
        name = _the_one(workflow, names, head.sha)
        self._check_workflows([name])
        _check_inputs(name, await self.outline(head.sha, name), inputs)
        return await self._send(replace(start, workflow=name), before, head, pull)

    async def _send(
        self, start: StartRequest, before: Sequence[ListedRun], head: Head, now: PullRequest
    ) -> Outcome:
        """The last look at the head, then the call."""
        policy.check_not_moved(head.sha, now.head, now.is_open, self._again(now.head))
        return await self.starter.send(self.command_id, start, before)

    async def _workflow(self, sha: Sha, typed: str | None, job: str | None) -> tuple[str, str]:
        """The file to run, empty for all of them, and what the reply should say of its job."""
        names, _ = await asyncio.gather(
            self.workflow_names(sha), self.visit.read_texts(sha, typed if job else None)
        )
        if typed is None and job is None:
            return "", ""
        name = _the_one(typed, names, sha)
        if job is None:
            return name, ""
        file = await self.outline(sha, name)
        _check_job(job, name, file)
        needs = file.needs(job)
        return name, run_messages.skips_needs(job, needs) if needs else ""

    def _check_workflows(self, names: Sequence[str]) -> None:
        policy.check_workflows(self.config, names, self.has)

    def _again(self, head: Head) -> str:
        """What to type once the head was read."""
        if "workflow" not in arguments_of(type(self.typed)):
            return self._pin(head)
        return "/depot " + format_command(self.verb, self.typed, sha=head.sha)

    def _pin(self, head: Head) -> str:
        """What to type to run the head whenever it became that; `run` takes a commit."""
        if "sha" in arguments_of(type(self.typed)):
            return "/depot " + format_command(self.verb, self.typed, sha=head.sha)
        workflow = getattr(self.typed, "workflow", None)
        named = f"{shlex.quote(workflow)} " if workflow else ""
        return f"/depot run {named}sha={head.sha}"

    def _pointing_to(self, running: TrackedRun) -> TrackedRun:
        now = self.starter.clock.now()
        return replace(
            running,
            command_id=self.command_id,
            tracked_since=now,
            polls=0,
            next_poll_at=now,
            note=run_messages.already_running(),
        )

    # --- runs that are there ---------------------------------------------------------------------

    async def runs(self) -> list[ListedRun]:
        head = await self.shown_head()
        return await self.depot.runs(self.repo, head.sha)

    async def run(self, typed: str | None) -> TrackedRun:
        run_id = (
            self.pending_change.run_id
            if self.pending_change
            else RunId(typed)
            if typed
            else await self._newest()
        )
        reading = asyncio.ensure_future(self.depot.run_status(run_id))
        try:
            # Whether it is one of ours comes before anything else that can be said of it.
            listed = await self._listed(run_id)
        except BaseException:
            await asyncio.gather(reading, return_exceptions=True)
            raise
        known = await self.starter.ledger.find_run(run_id)
        return self._found(listed, await reading, known)

    async def _newest(self) -> RunId:
        """The newest run on the head; else the newest that a command here started."""
        if listed := await self.runs():
            return listed[0].run_id
        comment = self.visit.request.comment
        known = await self.starter.ledger.newest_run(comment.repo, comment.number)
        if known is None:
            raise Refused(Reason.NO_RUN, refusal_messages.no_run())
        return known.run.run_id

    async def _listed(self, run_id: RunId) -> ListedRun:
        """A run, when it is one of this repository.

        The organisation's token reaches the runs of all its repositories, so an id proves nothing
        (bot/depot/README.md, "Authentication"). A run of another repository and an unknown one get
        the same answer.
        """
        try:
            listed = await self.depot.listed_run(run_id)
        except DepotRefused as no:
            if no.code != "not_found":
                raise
            raise Refused(Reason.UNKNOWN_RUN, refusal_messages.unknown_run(run_id)) from no
        if listed.repo.lower() != self.repo.lower():
            raise Refused(Reason.UNKNOWN_RUN, refusal_messages.unknown_run(run_id))
        return listed

    def _found(self, listed: ListedRun, run: Run, known: TrackedRun | None) -> TrackedRun:
        """A run as this command sees it; what we know of its start says more than its tree."""
        paths = [workflow.path.rpartition("/")[2] for workflow in run.workflows]
        return TrackedRun(
            command_id=self.command_id,
            run=run,
            repo=self.repo,
            sha=listed.sha,
            workflow=known.workflow if known else paths[0] if len(paths) == 1 else "",
            job=known.job if known else "",
            tracked_since=self.starter.clock.now(),
            is_inline=known.is_inline if known else bool(paths) and not any(paths),
            in_fork=known is not None and known.in_fork,
        )

    async def job(self, run: TrackedRun, typed: str) -> tuple[Workflow, Job]:
        found = jobs.match(typed, run.run.jobs)
        if not found:
            names = [job.key for job in run.run.jobs]
            short = list(jobs.names(run.run.jobs).values())
            raise Refused(
                Reason.UNKNOWN_JOB,
                refusal_messages.unknown_job_of_run(typed, run, names, closest_match(typed, short)),
            )
        if len(found) > 1:
            raise Refused(
                Reason.AMBIGUOUS_JOB,
                refusal_messages.ambiguous_job(typed, [job.key for job in found]),
            )
        (job,) = found
        workflow = next(w for w in run.run.workflows if job in w.jobs)
        return workflow, job

    @property
    def pending_change(self) -> PendingChange | None:
        return self.visit.request.pending_change(self.command_id)

    async def save_pending_change(self, run: TrackedRun) -> PendingChange:
        if self.pending_change is not None:
            return self.pending_change
        paths = [workflow.path.rpartition("/")[2] for workflow in run.run.workflows]
        self._check_workflows([path for path in paths if path])
        deed = PendingChange(self.command_id, run.run.run_id, jobs.attempts(run.run))
        await self.starter.ledger.add_pending_change(self.starter.claim, deed)
        return deed

    async def check_again(self, run: TrackedRun) -> None:
        in_fork = (
            run.in_fork
            or (await self.shown_head()).in_fork
            or await self.starter.ledger.is_from_fork(run.repo, run.sha)
        )
        policy.check_again(in_fork, self.config)
        if run.is_inline:
            policy.check_permission(self.verb, Permission.MAINTAIN, self.has)

    async def set_going(
        self,
        run: TrackedRun,
        workflows: Sequence[Workflow],
        call: Callable[[str], Awaitable[None]],
    ) -> None:
        deed = await self.save_pending_change(run)
        refusals: list[DepotRefused] = []
        for workflow in workflows:
            if not jobs.has_moved(workflow, deed.attempts):
                try:
                    await call(workflow.workflow_id)
                except DepotRefused as no:
                    refusals.append(no)  # one that cannot move keeps no other from it
        if refusals and len(refusals) == len(workflows):
            raise refusals[0]

    async def resume_tracking(self, run: TrackedRun, status: str, reason: Reason) -> TrackRuns:
        now = self.starter.clock.now()
        await self.starter.ledger.resume_tracking(run.run.run_id, now)
        # Its jobs are not what they were; the first look tells.
        expected = replace(run.run, status=status, workflows=(), seconds=None)
        return TrackRuns((replace(run, run=expected, next_poll_at=now),), reason=reason)


def _same(
    start: StartRequest, following: Sequence[TrackedRun], listed: Sequence[ListedRun]
) -> TrackedRun | None:
    """A run of the same that we follow and that Depot lists as under way."""
    active = {run.run_id for run in listed if not is_over(run.status)}
    same = (
        run
        for run in following
        if run.run.run_id in active
        and not run.is_inline
        and (run.workflow, run.job) == (start.workflow, start.job)
    )
    return next(same, None)


def _the_one(typed: str | None, names: Sequence[str], sha: Sha) -> str:
    """The file that was meant."""
    if typed is None:
        if len(names) > 1:
            raise Refused(Reason.JOB_NEEDS_WORKFLOW, refusal_messages.job_needs_workflow(names))
        return names[0]
    found = matches(typed, names)
    if not found:
        raise Refused(
            Reason.UNKNOWN_WORKFLOW,
            refusal_messages.unknown_workflow(typed, sha, names, closest_match(typed, names)),
        )
    if len(found) > 1:
        raise Refused(Reason.AMBIGUOUS_WORKFLOW, refusal_messages.ambiguous_workflow(typed, found))
    return found[0]


def _check_job(job: str, workflow: str, file: Outline) -> None:
    if job not in file.keys:
        raise Refused(
            Reason.UNKNOWN_JOB,
            refusal_messages.unknown_job(job, workflow, file.keys, closest_match(job, file.keys)),
        )


def _check_blocks(blocks: Sequence[str], job: str | None) -> None:
    """Each block is a workflow; a job belongs to exactly one."""
    for place, block in enumerate(blocks, start=1):
        try:
            file = outline(block)
        except BadWorkflow as wrong:
            raise Refused(
                Reason.BAD_WORKFLOW, refusal_messages.unreadable_block(place, str(wrong))
            ) from wrong
        if job is not None:
            if len(blocks) > 1:
                raise Refused(Reason.JOB_NEEDS_WORKFLOW, refusal_messages.job_needs_one_block())
            if job not in file.keys:
                raise Refused(
                    Reason.UNKNOWN_JOB,
                    refusal_messages.unknown_job(
                        job, "the YAML", file.keys, closest_match(job, file.keys)
                    ),
                )


def _check_inputs(workflow: str, file: Outline, inputs: Mapping[str, str]) -> None:
    if file.inputs is None:
        raise Refused(Reason.NOT_DISPATCHABLE, refusal_messages.not_dispatchable(workflow))
    for name in inputs:
        if name not in file.inputs:
            raise Refused(
                Reason.UNKNOWN_INPUT,
                refusal_messages.unknown_input(
                    name, workflow, file.inputs, closest_match(name, file.inputs)
                ),
            )
