"""Settings to services: the one place where the parts are put together."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import structlog

from bot import __version__
from bot.commands import COMMANDS, INTERNAL
from bot.core.clock import AdjustedClock, Clock, SystemClock
from bot.core.credentials import AppCredentials
from bot.core.models import Claim
from bot.depot.client import Depot
from bot.depot.organisations import ANY_OWNER, Organisations
from bot.engine.active_runs import LISTING_SECONDS, ActiveRuns
from bot.engine.maintenance import DELIVERIES_EVERY, OLD_ROWS_EVERY, RENAMES_EVERY, Sweeper
from bot.engine.processor import Processor
from bot.engine.publisher import Publisher
from bot.engine.worker import SLOW_STEPS, Worker, keep_time, look_often, repeat
from bot.github.api import GitHub
from bot.github.errors import AnswerTooLarge
from bot.github.session import RAW
from bot.ops import audit
from bot.ops.metrics import Metrics
from bot.ops.readiness import LOOK_EVERY, Readiness
from bot.ops.settings import Operator, Renewal, Settings, renewed
from bot.ops.trouble import Trouble
from bot.storage.connect import file_of, open_store, without_password
from bot.storage.database import Store
from bot.storage.ledger import Ledger
from bot.storage.redeliveries import MISSED_DELIVERIES

log = structlog.get_logger()

MAX_FILE_ANSWER = 1024 * 1024
MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer on the wire: of a file, which anybody may have written, and of any other."""

GITHUB_TIMEOUT = httpx.Timeout(15.0)
DEPOT_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""`Run` may take its time: giving up early only makes its outcome unknown."""


DEPOT_LIMITS = httpx.Limits(max_connections=2 * (SLOW_STEPS + 16), max_keepalive_connections=20)
"""A connection for each step that may wait for a Depot that hangs: none waits for another's. GitHub
has a bound of its own, 100 requests at once."""

Observer = Callable[[httpx.Request, int | None, float], None]
"""Called with each request, the status of its answer, none when no answer came, and how many
seconds that took."""


class Steps:
    """Hands each work item to the processor for its repository: each Depot organisation has one of
    its own, which knows no other's token."""

    def __init__(self, processor: Processor, organisations: Organisations) -> None:
        self._processor = processor
        self._organisations = organisations
        self._by_depot: dict[Depot, Processor] = {processor.depot: processor}

    async def step(self, claim: Claim) -> None:
        """Do whatever is due for this work item."""
        owner = claim.repo.partition("/")[0]
        await self._at(self._organisations.of(owner)).step(claim)

    async def look(self) -> None:
        """List what runs in each organisation. Raises LedgerUnavailable."""
        for depot in self._organisations.by_owner().values():
            await self._at(depot).active_runs.look()

    def use(self, operator: Operator) -> None:
        """Go on with other bounds; with the organisations that there are now."""
        self._processor = replace(self._processor, operator=operator)
        kept = set(self._organisations.by_owner().values())
        self._by_depot = {
            depot: replace(processor, operator=operator)
            for depot, processor in self._by_depot.items()
            if depot in kept
        }

    def _at(self, depot: Depot) -> Processor:
        processor = self._by_depot.get(depot)
        if processor is None:
            by_owner = self._organisations.by_owner()
            owner = next((name for name, one in by_owner.items() if one is depot), ANY_OWNER)
            clock, queue = self._processor.clock, self._processor.ledger.queue
            active = ActiveRuns(depot, clock, queue, owner)
            processor = replace(self._processor, depot=depot, active_runs=active)
            self._by_depot[depot] = processor
        return processor


@dataclass(slots=True)
class Services:
    settings: Settings
    """Those of the moment."""
    store: Store
    clock: AdjustedClock
    ledger: Ledger
    github: GitHub
    organisations: Organisations
    worker: Worker
    steps: Steps
    sweeper: Sweeper
    readiness: Readiness
    metrics: Metrics

    def use(self, settings: Settings) -> Renewal:
        """Go on with other settings, as far as they take effect while the bot runs."""
        renewal = renewed(self.settings, settings)
        self.settings = renewal.settings
        self.github.use(self.settings.github)
        self.organisations.use(self.settings.depot_access)
        self.steps.use(self.settings.operator)
        return renewal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the bot takes from where it runs: its clock, the ways to GitHub and Depot, and whether
    SQLite waits for the disk."""

    clock: Clock = field(default_factory=SystemClock)
    github: httpx.AsyncBaseTransport | None = None
    depot: httpx.AsyncBaseTransport | None = None
    waits_for_disk: bool = True


@asynccontextmanager
async def open_clients(
    settings: Settings,
    surroundings: Surroundings | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[tuple[GitHub, Organisations]]:
    """The clients of GitHub and Depot, closed again at the end. *metrics* count what they ask."""
    around = surroundings or Surroundings()
    count = metrics or Metrics()
    is_outside = around.github is None or around.depot is None
    # One for both: the authorities take 20 ms and 1 MB.
    verify = httpx.create_ssl_context() if is_outside else True
    async with (
        ObservedClient(
            _counting(count, Trouble("github", around.clock), "github", by_verb),
            timeout=GITHUB_TIMEOUT,
            verify=verify,
            transport=around.github,
        ) as to_github,
        ObservedClient(
            _counting(count, Trouble("depot", around.clock), "depot", by_last_part),
            timeout=DEPOT_TIMEOUT,
            limits=DEPOT_LIMITS,
            verify=verify,
            transport=around.depot,
        ) as to_depot,
    ):
        github = GitHub(to_github, settings.github, url=settings.github_url, clock=around.clock)
        organisations = Organisations(
            to_depot, url=settings.depot_url, access=settings.depot_access
        )
        count.watch_clock(lambda: github.server_clock.offset)
        count.watch_rate_limit(lambda: _requests_left(github))
        yield github, organisations


def _counting(
    metrics: Metrics, trouble: Trouble, service: str, method: Callable[[httpx.Request], str]
) -> Observer:
    metrics.watch_trouble(service, lambda: trouble.is_there)

    def observe(request: httpx.Request, status: int | None, seconds: float) -> None:
        metrics.count_request(service, method(request), status, seconds)
        # In a context of its own: trouble is not the pull request's that comes upon it.
        Context().run(trouble.observe, method(request), status)

    return observe


def _requests_left(github: GitHub) -> float:
    """Of the installation that has the fewest left of its hour; NaN before any has asked."""
    now = github.server_clock.now()
    quotas = github.rate_limits().values()
    left = (one.remaining if one.resets_at > now else one.limit for one in quotas)
    return min(left, default=math.nan)


@asynccontextmanager
async def open_services(
    settings: Settings, surroundings: Surroundings | None = None
) -> AsyncIterator[Services]:
    """Everything the bot is made of, closed again at the end. The worker is not running yet."""
    around = surroundings or Surroundings()
    metrics = Metrics()
    store = await open_store(
        settings.database_url, around.clock, waits_for_disk=around.waits_for_disk
    )
    try:
        async with open_clients(settings, around, metrics) as (github, organisations):
            ledger = Ledger.on(store)
            # Machines that share a ledger go by its clock, whatever their own ones say.
            clock = AdjustedClock(around.clock)
            if store.is_shared:
                clock.adjust(await ledger.queue.now())
            if not store.is_shared:
                # The only process on this ledger: leases of an earlier one are void.
                await ledger.queue.release_all()
            depot = organisations.of(ANY_OWNER)
            processor = Processor(
                ledger=ledger,
                github=github,
                depot=depot,
                active_runs=ActiveRuns(depot, clock, ledger.queue),
                publisher=Publisher(ledger, clock),
                clock=clock,
                commands=COMMANDS,
                internal=INTERNAL,
                operator=settings.operator,
                metrics=metrics,
            )
            steps = Steps(processor, organisations)
            worker = Worker(ledger.queue, steps.step)
            sweeper = Sweeper(ledger, github, clock, settings.operator.retention.days)
            yield Services(
                settings=settings,
                store=store,
                clock=clock,
                ledger=ledger,
                github=github,
                organisations=organisations,
                worker=worker,
                steps=steps,
                sweeper=sweeper,
                readiness=Readiness(ledger.queue, github, organisations),
                metrics=metrics,
            )
    finally:
        await store.close()


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """Run the worker and what goes beside it; at the end, let steps under way finish."""
    worker, sweeper, ledger = services.worker, services.sweeper, services.ledger
    log.info("bot_started", **_about(services.settings))
    beside = [
        asyncio.create_task(services.store.listen(worker.wake)),
        asyncio.create_task(
            repeat(ledger.queue, MISSED_DELIVERIES, DELIVERIES_EVERY, sweeper.deliveries)
        ),
        asyncio.create_task(repeat(ledger.queue, "old rows", OLD_ROWS_EVERY, sweeper.old_rows)),
        asyncio.create_task(repeat(ledger.queue, "renames", RENAMES_EVERY, sweeper.renames)),
    ]
    for look, every in (
        (services.readiness.look, LOOK_EVERY),
        (services.steps.look, LISTING_SECONDS),
    ):
        beside.append(asyncio.create_task(look_often(look, every)))
    if services.store.is_shared:
        beside.append(asyncio.create_task(keep_time(ledger.queue, services.clock)))
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        worker.stop()
        await asyncio.gather(*beside, running, return_exceptions=True)


def _about(settings: Settings) -> audit.Fields:
    """Which bot it is, without anything secret."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = settings.database_url
    app = settings.github.app_id if isinstance(settings.github, AppCredentials) else ""
    return {
        "version": __version__,
        "account": f"app {app}" if app else "the owner of GITHUB_TOKEN",
        "address": f"http://{host}:{settings.port}",
        "public_url": settings.public_url,
        "ledger": str(file_of(url) or without_password(url)),
    }


# --- the HTTP client of both sides ---------------------------------------------------------------


class ObservedClient(httpx.AsyncClient):
    """httpx's client, which reports each request it has sent."""

    def __init__(self, observer: Observer, **options: Any) -> None:
        super().__init__(event_hooks={"response": [_bound]}, **options)
        self._observer = observer

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            response = await super().send(request, **options)
        except httpx.RequestError:
            self._observer(request, None, now() - began)
            raise
        self._observer(request, response.status_code, now() - began)
        return response


async def _bound(response: httpx.Response) -> None:
    """Have reading the answer fail once it is longer than any answer that we want."""
    is_file = response.request.headers.get("accept") == RAW
    most = MAX_FILE_ANSWER if is_file else MAX_ANSWER
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _BoundedStream(response.stream, most)


class _BoundedStream(httpx.AsyncByteStream):
    """The bytes of an answer; raises AnswerTooLarge."""

    def __init__(self, stream: httpx.AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise AnswerTooLarge("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def by_verb(request: httpx.Request) -> str:
    """GitHub's methods are HTTP's."""
    return request.method


def by_last_part(request: httpx.Request) -> str:
    """Depot's methods are the last part of the path."""
    return request.url.path.rpartition("/")[2]
