"""Whether GitHub and Depot answer: logged once when trouble begins and once when it ends."""

from __future__ import annotations

import structlog

from bot.core.clock import Clock

QUIET_SECONDS = 30.0
"""So long nothing must have failed before trouble counts as over: some calls may work meanwhile."""

log = structlog.get_logger()


class Trouble:
    """The trouble with one service, as its answers show it."""

    def __init__(self, service: str, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._since: float | None = None
        self._last = 0.0
        self._failures = 0

    @property
    def is_there(self) -> bool:
        return self._since is not None

    def observe(self, method: str, status: int | None) -> None:
        """A request was answered with this status, or not at all."""
        now = self._clock.now()
        if status is None or status == 401 or status == 429 or status >= 500:
            self._last = now
            self._failures += 1
            if self._since is None:
                self._since = now
                reason = "no answer" if status is None else str(status)
                log.warning(
                    "upstream_trouble_began", service=self._service, method=method, reason=reason
                )
        elif self._since is not None and now - self._last >= QUIET_SECONDS:
            log.info(
                "upstream_trouble_ended",
                service=self._service,
                duration=round(now - self._since, 1),
                failures=self._failures,
            )
            self._since, self._failures = None, 0
