"""`depot-bot check`: is all well? Each setting, then everything outside that the bot needs.

Each finding is one line; secrets are masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.clock import SystemClock
from bot.depot.client import Depot, DepotError
from bot.github import webhooks
from bot.github.api import GitHub
from bot.github.errors import GitHubError
from bot.ops.readiness import clock_difference, clock_note
from bot.ops.settings import Settings
from bot.ops.variables import TABLE
from bot.storage.connect import ledger_version, open_store
from bot.storage.database import LedgerUnavailable
from bot.storage.ledger import Ledger
from bot.storage.tables import VERSION

PERMISSIONS: Mapping[str, str] = {
    "issues": "write",
    "pull_requests": "write",
    "contents": "read",
    "checks": "read",
    "metadata": "read",
}
"""What the App has to be allowed, and no more."""

DAY = 24 * 3600.0
"""Seconds of deliveries that are looked at."""

_LEVELS = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_well: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_well else 'FAIL'}  {self.name}: {self.detail}"


def settings_findings(environment: Mapping[str, str]) -> list[Finding]:
    """Each variable that is set, secrets masked."""
    return [
        Finding(one.name, True, "***" if one.secret else environment[one.name])
        for one in TABLE
        if environment.get(one.name, "").strip()
    ]


async def outside_findings(
    settings: Settings, github: GitHub, depot: Depot, now: float
) -> list[Finding]:
    """GitHub, the webhook and Depot."""
    findings = [await _identity(github), _clock(github)]
    if github.is_app and findings[0].is_well:
        findings += [
            *await _app(github),
            await _hook(settings, github),
            await _deliveries(github, now),
        ]
    return [*findings, await _depot(depot)]


async def database_finding(settings: Settings) -> Finding:
    """The database, as the bot would find it; also beside a running bot. No tables are made."""
    clock = SystemClock()
    try:
        version = await ledger_version(settings.database_url, clock)
        if version != VERSION:
            made = "its tables are made" if version is None else f"{version} becomes {VERSION}"
            return Finding("database", True, f"it can be used; {made} when the bot starts")
        store = await open_store(settings.database_url, clock, is_guest=True)
    except (LedgerUnavailable, ValueError) as error:
        return Finding("database", False, str(error))
    try:
        return await ledger_finding(Ledger.on(store))
    finally:
        await store.close()


async def ledger_finding(ledger: Ledger) -> Finding:
    """The database, as the running bot has it open."""
    try:
        await ledger.queue.check_writing()
    except LedgerUnavailable as error:
        return Finding("database", False, str(error))
    return Finding("database", True, "it can be read and written")


async def _identity(github: GitHub) -> Finding:
    try:
        return Finding("GitHub credentials", True, f"the bot is {await github.login()}")
    except GitHubError as error:
        return Finding("GitHub credentials", False, f"{error}{clock_note(github)}")


def _clock(github: GitHub) -> Finding:
    difference = clock_difference(github)
    return Finding("clock", not difference, difference or "as GitHub's")


async def _app(github: GitHub) -> list[Finding]:
    try:
        facts = await github.app_facts()
    except GitHubError as error:
        return [Finding("GitHub App", False, str(error))]
    lacking = [
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if not _reaches(facts.permissions.get(name), level)
    ]
    missing = sorted(webhooks.EVENTS - set(facts.events))
    return [
        Finding(
            "GitHub App permissions",
            not lacking,
            f"lacking {', '.join(lacking)}" if lacking else "all that is needed",
        ),
        Finding(
            "GitHub App events",
            not missing,
            f"not subscribed to {', '.join(missing)}" if missing else "all that are needed",
        ),
    ]


async def _deliveries(github: GitHub, now: float) -> Finding:
    try:
        failed = await github.failed_deliveries(now - DAY)
    except GitHubError as error:
        return Finding("webhook deliveries", False, str(error))
    concern = [delivery for delivery in failed if delivery.event in webhooks.EVENTS]
    detail = f"{len(concern)} of the last day did not arrive" if concern else "all arrived"
    return Finding("webhook deliveries", not concern, detail)


def _reaches(granted: str | None, level: str) -> bool:
    return granted in _LEVELS and _LEVELS.index(granted) >= _LEVELS.index(level)


async def _hook(settings: Settings, github: GitHub) -> Finding:
    try:
        hook = await github.hook_config()
    except GitHubError as error:
        return Finding("webhook", False, str(error))
    expected = f"{settings.public_url}/webhook" if settings.public_url else None
    problems = [
        problem
        for is_wrong, problem in (
            (not hook.url, "it has no address"),
            (expected is not None and hook.url != expected, f"it goes to {hook.url}"),
            (hook.content_type != "json", "its content type is not application/json"),
            (not hook.secret, "it has no secret"),
            (str(hook.insecure_ssl) != "0", "it does not verify TLS certificates"),
        )
        if is_wrong
    ]
    return Finding("webhook", not problems, "; ".join(problems) or hook.url)


async def _depot(depot: Depot) -> Finding:
    try:
        await depot.check()
    except DepotError as error:
        return Finding("Depot token", False, error.code)
    return Finding("Depot token", True, "Depot knows it")
