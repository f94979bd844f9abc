"""The only code that speaks to Depot: `depot.ci.v1.CIService`, Connect's JSON protocol over HTTPS.

Source: depot-api.md (sections 2 to 8). No call is repeated here: whether a call may be sent
again depends on what it does, and the caller knows (`bot.start`, `bot.follow`).

    DepotError               every failure; `code` is Connect's error code
    ├── DepotRefused         Depot said no and did nothing
    └── DepotUnavailable     no answer, or one that leaves open what happened
        └── DepotNotReached  nothing was sent: no doubt about what happened
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

import httpx2
import msgspec

from bot import __version__
from bot.types import Attempt, Job, Json, RepoName, Run, RunId, Sha, Workflow

RUN_STATES = ("queued", "running", "finished", "failed", "cancelled")
"""All states a run can have. ListRuns shows only the first two unless asked for all."""

MAX_PAGES = 20
"""Pages read of one listing: 2,000 runs of one commit are beyond anything real."""

# Codes by which Depot says that it did nothing, so that a mutation needs no second look.
_REFUSALS = frozenset(
    {
        "invalid_argument",
        "unauthenticated",
        "permission_denied",
        "not_found",
        "failed_precondition",
        "unimplemented",
        "already_exists",
        "out_of_range",
    }
)

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
    """Nothing was sent."""


class _Answer(msgspec.Struct, rename="camel"):
    """Fields with default values are absent from Depot's answers; unknown ones are ignored."""


class _Started(_Answer):
    org_id: str = ""
    run_id: str = ""


class _Attempt(_Answer):
    attempt_id: str = ""
    attempt: int = 0
    status: str = ""


class _Job(_Answer):
    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    status: str = ""
    attempts: list[_Attempt] = []


class _Workflow(_Answer):
    workflow_id: str = ""
    workflow_path: str = ""
    name: str = ""
    status: str = ""
    error_message: str = ""
    jobs: list[_Job] = []


class _RunStatus(_Answer):
    org_id: str = ""
    run_id: str = ""
    status: str = ""
    workflows: list[_Workflow] = []


class ListedRun(_Answer):
    """A row of ListRuns."""

    run_id: str = ""
    repo: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    status: str = ""
    created_at: str = ""

    @property
    def created(self) -> float | None:
        """When it was made; none when Depot's text is not a time."""
        return _seconds(self.created_at)


class _RunList(_Answer):
    runs: list[ListedRun] = []
    next_page_token: str = ""


class _Span(_Answer):
    """What every object of GetRunMetrics has: its id among others, and its times."""

    job_id: str = ""
    started_at: str = ""
    finished_at: str = ""

    @property
    def seconds(self) -> float | None:
        start, end = _seconds(self.started_at), _seconds(self.finished_at)
        return max(0.0, end - start) if start is not None and end is not None else None


class _MetricsAttempt(_Answer):
    attempt: _Span = msgspec.field(default_factory=_Span)


class _MetricsJob(_Answer):
    job: _Span = msgspec.field(default_factory=_Span)
    attempts: list[_MetricsAttempt] = []


class _MetricsWorkflow(_Answer):
    jobs: list[_MetricsJob] = []


class _Metrics(_Answer):
    run: _Span = msgspec.field(default_factory=_Span)
    workflows: list[_MetricsWorkflow] = []


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


A = TypeVar("A", bound=_Answer)


class Times(msgspec.Struct, frozen=True):
    """How long a run and its jobs took, in seconds, as far as Depot says."""

    run: float | None
    jobs: dict[str, float]
    """By job id."""


class Depot:
    """Depot CI, as one organisation's token sees it."""

    def __init__(
        self, client: httpx2.AsyncClient, *, url: str, token: str, org_id: str = ""
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
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
        """Start a run (8.1). Sent once; DepotUnavailable leaves open whether it started."""
        request: Json = {"repo": repo, "sha": sha}
        if workflow:
            request["workflow"] = workflow
        if content:
            request["workflowContent"] = list(content)
        if job:
            request["job"] = job
        started = await self._call("Run", request, _Started)
        if not started.run_id:
            raise DepotUnavailable("unknown", "the answer to Run has no run id")
        return Run(RunId(started.run_id), started.org_id, "queued")

    async def run_status(self, run_id: RunId) -> Run:
        """A run with its workflows, jobs and attempts (8.6)."""
        answer = await self._call("GetRunStatus", {"runId": run_id}, _RunStatus)
        return Run(
            run_id=run_id,
            org_id=answer.org_id,
            status=answer.status or "unknown",
            workflows=tuple(_workflow(w) for w in answer.workflows),
        )

    async def runs(
        self, repo: RepoName, sha: Sha, *, trigger: str = "", states: Sequence[str] = RUN_STATES
    ) -> list[ListedRun]:
        """The runs on a commit, newest first (8.8)."""
        request: Json = {"repo": repo, "sha": sha, "status": list(states), "pageSize": 100}
        if trigger:
            request["trigger"] = trigger
        found: list[ListedRun] = []
        for _ in range(MAX_PAGES):
            page = await self._call("ListRuns", request, _RunList)
            found += page.runs
            if not page.next_page_token:
                break
            request = {**request, "pageToken": page.next_page_token}
        return found

    async def times(self, run_id: RunId) -> Times:
        """How long things took (8.16). A run with too many attempts has no such answer."""
        answer = await self._call("GetRunMetrics", {"runId": run_id}, _Metrics)
        jobs = {
            j.job.job_id: seconds
            for w in answer.workflows
            for j in w.jobs
            if (seconds := (j.attempts[-1].attempt if j.attempts else j.job).seconds) is not None
        }
        return Times(answer.run.seconds, jobs)

    async def _call(self, method: str, request: Json, answer: type[A]) -> A:
        """One call; every failure comes out as a DepotError."""
        url = f"{self._url}/depot.ci.v1.CIService/{method}"
        try:
            response = await self._client.post(url, json=request, headers=self._headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise DepotNotReached("unavailable", f"{method}: {type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise DepotUnavailable("unavailable", f"{method}: {type(error).__name__}") from error
        if response.status_code != HTTPStatus.OK:
            raise _error(response)
        try:
            return msgspec.json.decode(response.content, type=answer, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DepotUnavailable("unknown", f"{method}: the answer cannot be read") from error


def _error(response: httpx2.Response) -> DepotError:
    try:
        told = msgspec.json.decode(response.content, type=_Error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = _Error()  # a proxy's HTML, or nothing: never shown to anyone
    code = told.code or _CODE_OF_STATUS.get(response.status_code, "unknown")
    kind = DepotRefused if code in _REFUSALS else DepotUnavailable
    return kind(code, told.message, _retry_after(response))


def _retry_after(response: httpx2.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None


def _workflow(w: _Workflow) -> Workflow:
    return Workflow(
        workflow_id=w.workflow_id,
        path=w.workflow_path,
        status=w.status or "unknown",
        name=w.name,
        error=w.error_message,
        jobs=tuple(
            Job(
                job_id=j.job_id,
                key=j.job_key,
                status=j.status or "unknown",
                name=j.job_display_name,
                attempts=tuple(Attempt(a.attempt_id, a.attempt, a.status) for a in j.attempts),
            )
            for j in w.jobs
        ),
    )


def _seconds(text: str) -> float | None:
    """RFC 3339 to seconds since the epoch."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
