"""Figures for Prometheus: what this process has counted, and how much there is to do.

Each app has its own registry. Several machines that share a ledger each count what they did
themselves; what is in the ledger all of them report alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bot import __version__
from bot.core.reasons import Reason
from bot.core.runs import OVER
from bot.depot.client import METHODS as DEPOT_METHODS
from bot.storage.status_queries import QueueStatus

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

RESULTS = ("queued", "ignored", "duplicate", "rejected", "failed")
"""What can become of a delivery; the last two: turned away, and not stored."""

NO_ANSWER = "none"
OTHER = "other"
"""Values of labels: of a code when no answer came, and of whatever has no value of its own."""

CODES = frozenset(str(status.value) for status in HTTPStatus) | {NO_ANSWER}
METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"}) | DEPOT_METHODS

ENDS = (*sorted(OVER), "unknown")
"""How a run can end; the last one: it is followed no more."""

COMMAND_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)
"""Buckets: a command is carried out a quarter of an hour after its comment at the latest."""

UPSTREAM_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets: a request is given up after half a minute."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as Prometheus is told of it."""

    name: str
    kind: type[Counter] | type[Gauge] | type[Histogram]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


DELIVERIES = Metric(
    "depot_bot_deliveries_total",
    Counter,
    f"Webhook deliveries received, by what became of them: {', '.join(RESULTS)}",
    ("result",),
)
DECISIONS = Metric(
    "depot_bot_decisions_total", Counter, "Commands decided, by reason code", ("reason",)
)
TO_REPLY = Metric(
    "depot_bot_webhook_to_reply_seconds",
    Histogram,
    "From the webhook to the first reply",
    buckets=COMMAND_SECONDS,
)
TO_RUN = Metric(
    "depot_bot_webhook_to_run_seconds",
    Histogram,
    "From the webhook to each run that was started for it",
    buckets=COMMAND_SECONDS,
)
RUNS_ENDED = Metric(
    "depot_bot_runs_ended_total",
    Counter,
    f"Ends of runs that are followed, of each attempt, by state: {', '.join(ENDS)}",
    ("state",),
)
UPSTREAM = Metric(
    "depot_bot_upstream_seconds",
    Histogram,
    "Requests to GitHub and Depot; the code is `none` when no answer came",
    ("service", "method", "code"),
    UPSTREAM_SECONDS,
)
TROUBLE = Metric(
    "depot_bot_upstream_trouble",
    Gauge,
    "Whether a service does not answer as it should",
    ("service",),
)
RATE_LIMIT = Metric(
    "depot_bot_github_rate_limit_remaining",
    Gauge,
    "Requests to GitHub left of this hour, of the installation that has the fewest",
)
WRITES_LEFT = Metric(
    "depot_bot_write_budget_remaining",
    Gauge,
    "Comments, edits and reactions left of this hour, of the installation that has the fewest; 0 "
    "while GitHub has asked for a pause",
)
CLOCK = Metric(
    "depot_bot_clock_offset_seconds",
    Gauge,
    "How far this machine's clock is ahead of GitHub's",
)
OLDEST = Metric(
    "depot_bot_oldest_waiting_seconds", Gauge, "How long the oldest undecided comment has waited"
)
UNDECIDED = Metric("depot_bot_commands_undecided", Gauge, "Commands that are not decided")
DUE = Metric("depot_bot_requests_due", Gauge, "Comments and events whose next step is due")
FOLLOWED = Metric("depot_bot_runs_followed", Gauge, "Runs that are being followed")
SET_ASIDE = Metric(
    "depot_bot_set_aside",
    Gauge,
    "Comments and events that are left alone after failing for too long",
)
LEDGER = Metric("depot_bot_ledger_up", Gauge, "Whether the ledger could be read")
BUILD = Metric("depot_bot_build_info", Gauge, "The version that runs", ("version",))

TABLE = (
    DELIVERIES,
    DECISIONS,
    TO_REPLY,
    TO_RUN,
    RUNS_ENDED,
    UPSTREAM,
    TROUBLE,
    RATE_LIMIT,
    WRITES_LEFT,
    CLOCK,
    OLDEST,
    UNDECIDED,
    DUE,
    FOLLOWED,
    SET_ASIDE,
    LEDGER,
    BUILD,
)
"""All of the bot's own."""


class Metrics:
    """Counts, and writes them down when asked."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        deliveries = self._counter(DELIVERIES)
        self._decisions = self._counter(DECISIONS)
        self._to_reply = self._histogram(TO_REPLY)
        self._to_run = self._histogram(TO_RUN)
        ended = self._counter(RUNS_ENDED)
        self._upstream = self._histogram(UPSTREAM)
        self._trouble = self._gauge(TROUBLE)
        self._rate_limit = self._gauge(RATE_LIMIT)
        self._writes_left = self._gauge(WRITES_LEFT)
        self._clock = self._gauge(CLOCK)
        self._oldest = self._gauge(OLDEST)
        self._undecided = self._gauge(UNDECIDED)
        self._due = self._gauge(DUE)
        self._followed = self._gauge(FOLLOWED)
        self._set_aside = self._gauge(SET_ASIDE)
        self._ledger = self._gauge(LEDGER)
        self._gauge(BUILD).labels(__version__).set(1)
        # All are there from the start, as 0, and so is what alerts look for.
        self._delivered = {result: deliveries.labels(result) for result in RESULTS}
        self._ended = {state: ended.labels(state) for state in ENDS}
        self._decisions.labels(Reason.INTERNAL_ERROR.value)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.meaning, metric.labels, registry=self._registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name,
            metric.meaning,
            metric.labels,
            buckets=metric.buckets,
            registry=self._registry,
        )

    def count_delivery(self, result: str) -> None:
        """A delivery came in."""
        self._delivered[result].inc()

    def count_decision(self, reason: Reason) -> None:
        """A command was decided."""
        self._decisions.labels(reason.value).inc()

    def count_reply(self, seconds: float) -> None:
        """A first reply was posted, so many seconds after the webhook."""
        self._to_reply.observe(seconds)

    def count_start(self, seconds: float) -> None:
        """A run was started, so many seconds after the webhook."""
        self._to_run.observe(seconds)

    def count_end(self, state: str) -> None:
        """A run ended like this."""
        self._ended[state].inc()

    def count_request(self, service: str, method: str, status: int | None, seconds: float) -> None:
        """A request was sent to GitHub or Depot, and answered with this status or not at all."""
        code = NO_ANSWER if status is None else str(status)
        self._upstream.labels(
            service,
            method if method in METHODS else OTHER,
            code if code in CODES else OTHER,
        ).observe(seconds)

    def watch_trouble(self, service: str, is_there: Callable[[], bool]) -> None:
        """Show whether there is trouble with a service."""
        self._trouble.labels(service).set_function(is_there)

    def watch_clock(self, offset: Callable[[], float]) -> None:
        """Show how far this machine's clock is ahead of GitHub's, in seconds."""
        self._clock.set_function(offset)

    def watch_rate_limit(self, remaining: Callable[[], float]) -> None:
        """Show how many requests to GitHub are left; NaN while that is not known."""
        self._rate_limit.set_function(remaining)

    def text(self, queue: QueueStatus | None, writes_left: int | None = None) -> bytes:
        """Everything as Prometheus reads it; without a queue the ledger cannot be read."""
        unknown = float("nan")
        self._ledger.set(0 if queue is None else 1)
        self._undecided.set(unknown if queue is None else queue.undecided)
        self._due.set(unknown if queue is None else queue.due)
        self._oldest.set(unknown if queue is None else queue.oldest_waiting)
        self._set_aside.set(unknown if queue is None else queue.set_aside)
        self._followed.set(unknown if queue is None else queue.followed_runs)
        self._writes_left.set(unknown if writes_left is None else writes_left)
        return generate_latest(self._registry)
