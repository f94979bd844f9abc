"""Figures for Prometheus: what this process has counted, and how much there is to do.

Each app has its own registry. Several machines that share a ledger each count what they did
themselves; what is in the ledger all of them report alike.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bot import __version__
from bot.core.reasons import Reason
from bot.storage.status_queries import QueueStatus

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

RESULTS = ("queued", "ignored", "duplicate", "rejected", "failed")
"""What can become of a delivery; the last two: turned away, and not stored."""


class Metrics:
    """Counts, and writes them down when asked."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        deliveries = self._counter("deliveries", "Webhook deliveries received", "result")
        self._decisions = self._counter("decisions", "Commands decided", "reason")
        self._requests = self._counter(
            "upstream_requests",
            "Requests to GitHub and Depot; the status is `none` when no answer came",
            *("service", "method", "status"),
        )
        self._undecided = self._gauge("commands_undecided", "Commands that are not decided")
        self._due = self._gauge("requests_due", "Comments and events whose next step is due")
        self._oldest = self._gauge(
            "oldest_waiting_seconds", "How long the oldest undecided comment has waited"
        )
        self._followed = self._gauge("runs_followed", "Runs that are being followed")
        self._set_aside = self._gauge(
            "set_aside", "Comments and events that are left alone after failing for too long"
        )
        self._trouble = Gauge(
            "depot_bot_upstream_trouble",
            "Whether a service does not answer as it should",
            ["service"],
            registry=self._registry,
        )
        self._clock = self._gauge(
            "clock_offset_seconds", "How far this machine's clock is ahead of GitHub's"
        )
        self._ledger = self._gauge("ledger_up", "Whether the ledger could be read")
        build = Gauge(
            "depot_bot_build_info", "The version that runs", ["version"], registry=self._registry
        )
        build.labels(__version__).set(1)
        # All are there from the start, as 0.
        self._delivered = {result: deliveries.labels(result) for result in RESULTS}

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"depot_bot_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"depot_bot_{name}", what, registry=self._registry)

    def count_delivery(self, result: str) -> None:
        """A delivery came in."""
        self._delivered[result].inc()

    def count_decision(self, reason: Reason) -> None:
        """A command was decided."""
        self._decisions.labels(reason.value).inc()

    def count_request(self, service: str, method: str, status: str) -> None:
        """A request was sent to GitHub or Depot, and answered or not."""
        self._requests.labels(service, method, status).inc()

    def watch_trouble(self, service: str, is_there: Callable[[], bool]) -> None:
        """Show whether there is trouble with a service."""
        self._trouble.labels(service).set_function(is_there)

    def watch_clock(self, offset: Callable[[], float]) -> None:
        """Show how far this machine's clock is ahead of GitHub's, in seconds."""
        self._clock.set_function(offset)

    def text(self, queue: QueueStatus | None) -> bytes:
        """Everything as Prometheus reads it; without a queue the ledger cannot be read."""
        unknown = float("nan")
        self._ledger.set(0 if queue is None else 1)
        self._undecided.set(unknown if queue is None else queue.undecided)
        self._due.set(unknown if queue is None else queue.due)
        self._oldest.set(unknown if queue is None else queue.oldest_waiting)
        self._set_aside.set(unknown if queue is None else queue.set_aside)
        self._followed.set(unknown if queue is None else queue.followed_runs)
        return generate_latest(self._registry)
