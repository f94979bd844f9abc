"""Where else the failures of a run were seen: what is kept of them, and what is asked for that.

What may be asked is bounded: at most MAX_CALLS calls to GitHub and Depot for one failed run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import structlog

from bot.core.events import Comment
from bot.core.failures import Evidence, JobFailure, ListedWorkflow
from bot.core.models import TrackedRun
from bot.core.runs import Diagnosis
from bot.depot.client import Depot, DepotError, DepotRefused, Target
from bot.github.errors import GitHubError
from bot.github.repository import PullRequest, Repository
from bot.rules import known_failures as rules
from bot.rules.known_failures import Base, Failed, Kin
from bot.storage.job_failures import Heads
from bot.storage.ledger import Ledger

MAX_CALLS = 5
"""Calls for one failed run: the pull request, the base branch's commits, its runs, and what failed
in two of these; or in one, where the run's own diagnosis is read for this alone."""

LOOK_SECONDS = 3.0
"""How long the result of a run, or the answer to a command, waits for this."""

PUSHES = "push"
"""The trigger of the runs of a base branch."""

Gaps = list[DepotError | GitHubError]
"""What kept something from being read that is to be asked for again."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """The failures that are known, as they are seen from one pull request."""

    comment: Comment
    repository: Repository
    depot: Depot
    ledger: Ledger

    async def look(
        self,
        tracked: TrackedRun,
        diagnosis: Diagnosis | None,
        gaps: Gaps,
        calls: int = MAX_CALLS,
        seconds: float | None = None,
    ) -> tuple[Evidence, ...]:
        """Keep what failed in a run that is over, and say where else it was seen.

        What is to be asked for again is added to *gaps*; so is what takes longer than *seconds*.
        *calls* is the most that may be asked. Raises LedgerUnavailable.
        """
        looking = asyncio.ensure_future(self._look(tracked, diagnosis, gaps, calls))
        try:
            await asyncio.wait({looking}, timeout=seconds)
        finally:
            is_late = looking.cancel()
        if is_late:
            await asyncio.gather(looking, return_exceptions=True)
            gaps.append(DepotError("deadline_exceeded", "where else it failed takes long"))
            return ()
        return looking.result()

    async def _look(
        self, tracked: TrackedRun, diagnosis: Diagnosis | None, gaps: Gaps, calls: int
    ) -> tuple[Evidence, ...]:
        comment, run = self.comment, tracked.run
        has_failed = any(one.status == "failed" for job in run.jobs for one in job.attempts)
        # Jobs of YAML that was sent along are nobody else's.
        if tracked.is_inline or not has_failed:
            return ()
        like = JobFailure(
            run_id=run.run_id,
            job_id="",
            attempt=0,
            repo=comment.repo,
            sha=tracked.sha,
            workflow="",
            job="",
            job_key="",
            org_id=run.org_id,
            repo_id=comment.repo_id,
        )
        failed = await asyncio.to_thread(rules.failed_attempts, run, diagnosis, like)
        heads = await self.ledger.job_failures.heads(comment.repo, comment.number, tracked.sha)
        # A run that was named by its id may be another pull request's.
        is_own = not heads.of_commit or comment.number in heads.of_commit
        number = comment.number if is_own else min(heads.of_commit)
        if not failed.has_signature:
            await self._keep(failed, replace(like, number=number))
            return rules.evidence(failed, (), None, Kin(number, "")) if failed.now else ()
        try:
            pull = await self.repository.pull_request(comment.number)
        except GitHubError as error:
            gaps.append(error)  # whose change it is, is not known
            return ()
        base = await self._base(tracked, failed, pull, heads, gaps)
        if not heads.of_commit and (base is None or tracked.sha in base.places):
            return ()  # named by its id, it is a run of the base branch, or may be one
        await self._keep(failed, replace(like, number=number, author=pull.author if is_own else ""))
        if not is_own:
            return ()
        if base is not None:
            await self._diagnose(base, like, calls - 3, gaps)
        now = failed.now
        kept = await self.ledger.job_failures.alike(
            comment.repo, {one.signature for one in now}, {one.fingerprint for one in now}
        )
        if base is not None:
            kept += await self.ledger.job_failures.of_runs([one.run_id for one in base.runs])
        kin = Kin(comment.number, pull.author, heads.commits | {tracked.sha}, heads.others)
        return await asyncio.to_thread(rules.evidence, failed, kept, base, kin)

    async def _keep(self, failed: Failed, like: JobFailure) -> None:
        await self.ledger.job_failures.save(
            [replace(one, number=like.number, author=like.author) for one in failed.all]
        )

    async def _base(
        self, tracked: TrackedRun, failed: Failed, pull: PullRequest, heads: Heads, gaps: Gaps
    ) -> Base | None:
        """The runs of the base branch; none when they cannot be read."""
        commits, listed = await asyncio.gather(
            self.repository.commits(pull.base_branch),
            self.depot.workflows(tracked.repo, PUSHES, _name(tracked, failed)),
            return_exceptions=True,
        )
        for answer in (commits, listed):
            if isinstance(answer, DepotRefused):
                log.info("base_runs_unavailable", error=str(answer))
            elif isinstance(answer, DepotError | GitHubError):
                gaps.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
        if isinstance(commits, BaseException) or isinstance(listed, BaseException):
            return None
        history = rules.own_history(commits)
        own = heads.commits | {tracked.sha}
        left_out = rules.holding_the_change(history, pull.number, pull.author, own)
        return rules.base_runs(pull.base_branch, history, listed, failed.workflows, left_out)

    async def _diagnose(self, base: Base, like: JobFailure, calls: int, gaps: Gaps) -> None:
        """Keep what failed in the newest runs of the base branch of which that is not known."""
        kept = await self.ledger.job_failures.of_runs([one.run_id for one in base.runs])
        unknown = rules.to_diagnose(base, kept, calls)
        found = await asyncio.gather(*(self._failed_on_base(one, like, gaps) for one in unknown))
        await self.ledger.job_failures.save([one for failures in found for one in failures])

    async def _failed_on_base(
        self, listed: ListedWorkflow, like: JobFailure, gaps: Gaps
    ) -> tuple[JobFailure, ...]:
        try:
            # What is too much for one answer is left: of such a run not all is known.
            diagnosis = await self.depot.diagnosis(Target.WORKFLOW, listed.workflow_id, depth=0)
        except DepotRefused:
            diagnosis = Diagnosis(is_cut=True)
        except DepotError as error:
            gaps.append(error)
            return ()
        run = replace(like, run_id=listed.run_id, sha=listed.sha)
        return await asyncio.to_thread(rules.failed_on_base, listed, diagnosis, run)


def _name(tracked: TrackedRun, failed: Failed) -> str:
    """By what the workflow is found that failed; empty where there are several."""
    if len(failed.workflows) != 1:
        return ""
    (file_name,) = failed.workflows
    found = [one for one in tracked.run.workflows if one.file_name == file_name]
    return found[0].name or file_name if found else file_name
