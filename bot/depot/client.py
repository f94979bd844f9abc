"""The only code that speaks to Depot: `depot.ci.v1.CIService`, Connect's JSON protocol over HTTPS.

The facts are in bot/depot/README.md. No call is repeated here: whether a call may be sent again
depends on what it does, and the caller knows that (`bot.engine.runs`, `bot.engine.run_poller`).

    DepotError               every failure; `code` is Connect's error code
    ├── DepotRefused         Depot said no and did nothing
    └── DepotUnavailable     no answer, or one that leaves open what happened
        └── DepotNotReached  nothing was done: not sent, or the token was not taken
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import IntEnum
from http import HTTPStatus
from typing import TypeVar

import httpx
import msgspec

from bot import __version__
from bot.core.backoff import seconds_asked
from bot.core.failures import ListedWorkflow
from bot.core.json_repair import readable, repaired
from bot.core.runs import Artifact, Diagnosis, ListedRun, LogLine, Run, Times
from bot.core.types import Json, RepoName, RunId, Sha
from bot.depot.schemas import (
    ArtifactList,
    DiagnosisAnswer,
    Empty,
    ErrorBody,
    LogPage,
    Message,
    Metrics,
    RunList,
    RunRow,
    RunStatus,
    Started,
    WorkflowList,
)

RUN_STATES = ("queued", "running", "finished", "failed", "cancelled")
"""All states a run can have. ListRuns shows only the first two unless asked for all."""

MAX_PAGES = 20
"""Pages read of one listing: 2,000 runs of one commit are beyond anything real."""

MAX_ACTIVE_PAGES = 200
"""The same for all that is under way in an organisation: 20,000 runs."""

MAX_WORKFLOWS = 200
"""Workflows in one answer of ListWorkflows, which has no further pages."""

MAX_LOG_PAGES = 200
"""Pages read of one log. There is no way to begin at its end."""

MAX_PARTS = 5
"""Parts that are asked for when a run has too many failures for one diagnosis."""


class Target(IntEnum):
    """What a diagnosis is asked for: the numbers of `FailureDiagnosisTargetType`.

    The numbers are known to work, short names are known not to (bot/depot/README.md,
    "GetFailureDiagnosis").
    """

    RUN = 1
    WORKFLOW = 2
    JOB = 3


METHODS = frozenset(
    {
        "CancelJob",
        "CancelRun",
        "CancelWorkflow",
        "DispatchWorkflow",
        "GetFailureDiagnosis",
        "GetJobAttemptLogs",
        "GetRun",
        "GetRunMetrics",
        "GetRunStatus",
        "ListArtifacts",
        "ListRuns",
        "ListWorkflows",
        "RerunWorkflow",
        "RetryFailedJobs",
        "RetryJob",
        "Run",
    }
)
"""Those of the service that are called."""

REFUSALS = frozenset(
    {
        "invalid_argument",
        "permission_denied",
        "not_found",
        "failed_precondition",
        "unimplemented",
        "already_exists",
        "out_of_range",
    }
)
"""Codes by which Depot says that it did nothing, so that a mutation needs no second look
(bot/depot/README.md, "What may be sent again")."""

# What a status means when the body is not Connect's JSON (connectrpc.com/docs/protocol).
_CODE_OF_STATUS = {
    400: "internal",
    401: "unauthenticated",
    403: "permission_denied",
    404: "unimplemented",
    429: "unavailable",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}


LONGEST_PAUSE = 300.0
"""Seconds; how long Depot may have us wait before a run is polled again, or a lost
start is looked for."""


class DepotError(Exception):
    """A call failed. `message` is Depot's text: untrusted, for people only."""

    def __init__(self, code: str, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(code, message, retry_after)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        """Seconds that Depot asked us to wait."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


class DepotRefused(DepotError):
    """Depot said no; nothing was done."""


class DepotUnavailable(DepotError):
    """No answer, or one that does not say what happened."""


class DepotNotReached(DepotUnavailable):
    """Nothing was done: it was not sent, or Depot did not take the token (which may be about to be
    replaced)."""


A = TypeVar("A", bound=Message)
P = TypeVar("P", RunList, LogPage, ArtifactList)


class Depot:
    """Depot CI, as one organisation's token sees it."""

    def __init__(
        self, client: httpx.AsyncClient, *, url: str, token: str, org_id: str = ""
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self.use(token, org_id)

    def use(self, token: str, org_id: str = "") -> None:
        """Go on with another token, for what is asked from now on."""
        self._headers = {
            "authorization": f"Bearer {token}",
            "connect-protocol-version": "1",
            "user-agent": f"depot-bot/{__version__}",
        }
        if org_id:
            self._headers["x-depot-org"] = org_id

    async def run(
        self,
        repo: RepoName,
        sha: Sha,
        *,
        workflow: str | None = None,
        content: Sequence[str] = (),
        job: str | None = None,
    ) -> Run:
        """Start a run. Sent once; DepotUnavailable leaves open whether it started."""
        request: Json = {"repo": repo, "sha": sha}
        if workflow:
            request["workflow"] = workflow
        if content:
            request["workflowContent"] = list(content)
        if job:
            request["job"] = job
        return _started(await self._call("Run", request, Started))

    async def dispatch(
        self, repo: RepoName, workflow: str, branch: str, inputs: Mapping[str, str]
    ) -> Run:
        """Start a workflow by its `workflow_dispatch`; *workflow* is a bare file name.

        Sent once, as `run`. What runs is the branch's head at that moment.
        """
        request: Json = {"repo": repo, "workflow": workflow, "ref": branch}
        if inputs:
            request["inputs"] = dict(inputs)
        return _started(await self._call("DispatchWorkflow", request, Started))

    async def retry_job(self, workflow_id: str, job_id: str) -> None:
        """A failed or cancelled job again."""
        await self._call("RetryJob", {"workflowId": workflow_id, "jobId": job_id}, Empty)

    async def retry_failed_jobs(self, workflow_id: str) -> None:
        """All failed and cancelled jobs of a workflow that is over, again."""
        await self._call("RetryFailedJobs", {"workflowId": workflow_id}, Empty)

    async def rerun_workflow(self, workflow_id: str) -> None:
        """Every job of a workflow that is over, again."""
        await self._call("RerunWorkflow", {"workflowId": workflow_id}, Empty)

    async def cancel_run(self, run_id: RunId) -> None:
        """End a queued or running run; refused with failed_precondition when it is over."""
        await self._call("CancelRun", {"runId": run_id}, Empty)

    async def cancel_workflow(self, workflow_id: str) -> None:
        """End a queued or running workflow of a run."""
        await self._call("CancelWorkflow", {"workflowId": workflow_id}, Empty)

    async def cancel_job(self, workflow_id: str, job_id: str) -> None:
        """End a queued or running job."""
        await self._call("CancelJob", {"workflowId": workflow_id, "jobId": job_id}, Empty)

    async def listed_run(self, run_id: RunId) -> ListedRun:
        """Which repository and commit a run belongs to."""
        return (await self._call("GetRun", {"runId": run_id}, RunRow)).listed()

    async def run_status(self, run_id: RunId) -> Run:
        """A run with its workflows, jobs and attempts."""
        return (await self._call("GetRunStatus", {"runId": run_id}, RunStatus)).run(run_id)

    async def runs(self, repo: RepoName, sha: Sha, *, trigger: str = "") -> list[ListedRun]:
        """The runs on a commit, in all states, newest first."""
        request: Json = {"repo": repo, "sha": sha, "status": list(RUN_STATES)}
        if trigger:
            request["trigger"] = trigger
        return await self._list_runs(request)

    async def newest_runs(self, repo: RepoName, trigger: str) -> list[ListedRun]:
        """The newest runs of a repository on whatever commit, one page of them."""
        request: Json = {"repo": repo, "trigger": trigger, "status": list(RUN_STATES)}
        return await self._list_runs(request, pages=1)

    async def workflows(self, repo: RepoName, trigger: str, name: str = "") -> list[ListedWorkflow]:
        """The newest workflows of a repository's runs, in all states: so it is believed
        (bot/depot/README.md, "ListWorkflows"). *name* is part of a workflow's name, or of its path
        where it has none."""
        request: Json = {"repo": repo, "trigger": trigger, "pageSize": MAX_WORKFLOWS}
        if name:
            request["name"] = name
        found = await self._call("ListWorkflows", request, WorkflowList)
        return [row.listed() for row in found.workflows]

    async def active_runs(self) -> dict[RunId, str]:
        """How all queued and running runs of the organisation stand."""
        states: dict[RunId, str] = {}
        request: Json = {"status": ["queued", "running"], "pageSize": 100}
        async for page in self._pages("ListRuns", request, RunList, MAX_ACTIVE_PAGES):
            states.update((RunId(row.run_id), row.status) for row in page.runs)
        return states

    async def check(self) -> None:
        """Raises DepotError unless Depot answers and knows our token."""
        await self._call("ListRuns", {"pageSize": 1}, RunList)

    async def times(self, run_id: RunId) -> Times:
        """How long things took. A run with too many attempts has no such answer."""
        return (await self._call("GetRunMetrics", {"runId": run_id}, Metrics)).times()

    async def diagnosis(self, target: Target, target_id: str, depth: int = 2) -> Diagnosis:
        """Why a run or a job failed.

        What is too much for one answer is asked for in parts, and parts of parts, down to *depth*.
        """
        answer = await self._diagnose(target, target_id)
        if not answer.is_over_limit:
            return answer.diagnosis()
        if depth == 0:
            return Diagnosis(is_cut=True)
        breakdown = answer.over_limit_breakdown
        parts = [
            await self.diagnosis(_target(part.target_type), part.target_id, depth - 1)
            for part in breakdown[:MAX_PARTS]
        ]
        return Diagnosis(
            failures=tuple(failure for part in parts for failure in part.failures),
            is_cut=len(breakdown) != len(parts) or not parts or any(p.is_cut for p in parts),
        )

    async def _diagnose(self, target: Target, target_id: str) -> DiagnosisAnswer:
        request: Json = {"targetId": target_id, "targetType": int(target)}
        return await self._call("GetFailureDiagnosis", request, DiagnosisAnswer)

    async def log_tail(self, attempt_id: str, lines: int) -> list[LogLine]:
        """The last lines of an attempt's log: read forward, for there is no other way."""
        tail: deque[LogLine] = deque(maxlen=lines)
        request: Json = {"attemptId": attempt_id}
        async for page in self._pages("GetJobAttemptLogs", request, LogPage, MAX_LOG_PAGES):
            tail.extend(line.line() for line in page.lines)
        return list(tail)

    async def artifacts(self, run_id: RunId) -> list[Artifact]:
        """The artifacts of a run."""
        found: list[Artifact] = []
        request: Json = {"runId": run_id, "pageSize": 500}
        async for page in self._pages("ListArtifacts", request, ArtifactList):
            found += page.rows()
        return found

    async def _list_runs(self, request: Json, pages: int = MAX_PAGES) -> list[ListedRun]:
        found: list[ListedRun] = []
        request = {**request, "pageSize": 100}
        async for page in self._pages("ListRuns", request, RunList, pages):
            found += [row.listed() for row in page.runs]
        return found

    async def _pages(
        self, method: str, request: Json, answer: type[P], most: int = MAX_PAGES
    ) -> AsyncIterator[P]:
        """The pages of one listing, as far as they go and no more than so many."""
        for _ in range(most):
            page = await self._call(method, request, answer)
            yield page
            if not page.next_page_token:
                break
            request = {**request, "pageToken": page.next_page_token}

    async def _call(self, method: str, request: Json, answer: type[A]) -> A:
        """One call; every failure comes out as a DepotError."""
        url = f"{self._url}/depot.ci.v1.CIService/{method}"
        try:
            response = await self._client.post(url, json=request, headers=self._headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise DepotNotReached("unavailable", f"{method}: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise DepotUnavailable("unavailable", f"{method}: {type(error).__name__}") from error
        if response.status_code != HTTPStatus.OK:
            raise _error(response)
        try:
            return _decode(response.content, answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DepotUnavailable("unknown", f"{method}: the answer cannot be read") from error


def _decode(content: bytes, answer: type[A]) -> A:
    """An answer, read as far as it can be: a name or a log line may hold half a surrogate, and null
    may stand for what is empty."""
    try:
        return msgspec.json.decode(content, type=answer, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = readable(msgspec.json.decode(repaired(content)))
        return msgspec.convert(value, answer, strict=False)


def _error(response: httpx.Response) -> DepotError:
    try:
        body = msgspec.json.decode(response.content, type=ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = ErrorBody()  # a proxy's HTML, or nothing: never shown to anyone
    code = body.code or _CODE_OF_STATUS.get(response.status_code, "unknown")
    # Without a code of its own the answer is not Depot's: it says nothing about what was done.
    kind: type[DepotError] = DepotUnavailable
    if body.code == "unauthenticated":
        kind = DepotNotReached
    elif body.code in REFUSALS:
        kind = DepotRefused
    return kind(code, body.message, seconds_asked(response.headers))


def _started(answer: Started) -> Run:
    if not answer.run_id:
        raise DepotUnavailable("unknown", "the answer has no run id")
    return Run(RunId(answer.run_id), answer.org_id, "queued")


def _target(name: str) -> Target:
    """The target type of a part, which Depot names in full."""
    word = name.rpartition("_")[2]
    return Target[word] if word in Target.__members__ else Target.JOB
