"""The primary rate limit: so many requests an hour for each principal."""

from collections.abc import Callable
from dataclasses import dataclass

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Quota:
    """Where a principal stands in the current window."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        """What is left until `reset`."""
        return max(self.limit - self.used, 0)


class Quotas:
    """Windows of one hour, each beginning with the first request in it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.limit = 5000
        self.anonymous_limit = 60
        self._now = now
        self._windows: dict[str, Quota] = {}

    def of(self, name: str) -> Quota:
        """The quota of this principal as it stands."""
        now = int(self._now())
        window = self._windows.get(name)
        if window is None or window.reset <= now:
            limit = self.anonymous_limit if name == "anonymous" else self.limit
            window = Quota(limit, 0, now + HOUR)
        return window

    def spend(self, name: str) -> Quota:
        """Count one request."""
        quota = self.of(name)
        self._windows[name] = Quota(quota.limit, quota.used + 1, quota.reset)
        return self._windows[name]

    def exhaust(self, name: str) -> None:
        """Use up what is left in this window."""
        quota = self.of(name)
        self._windows[name] = Quota(quota.limit, quota.limit, quota.reset)
