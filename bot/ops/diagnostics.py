"""`depot-bot check`: is all well? Each setting, then everything outside that the bot needs.

Each finding is one line, with the next step where something is to be done; secrets are masked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.clock import DAY, SystemClock
from bot.depot.client import Depot, DepotError
from bot.depot.organisations import Organisations
from bot.github import webhooks
from bot.github.api import (
    AppFacts,
    FailedDelivery,
    GitHub,
    HookConfig,
    InstallationFacts,
    web_url,
)
from bot.github.errors import BadCredentials, GitHubError, NotFound
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

MAX_NAMED = 5
"""Installations with a finding of their own; of more than that the number is shown."""

MAX_STATUS = 60
"""Characters shown of GitHub's words for a delivery."""

_LEVELS = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_well: bool
    detail: str
    next_step: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        line = f"{'ok  ' if self.is_well else 'FAIL'}  {self.name}: {self.detail}"
        return f"{line}. Next: {self.next_step}" if self.next_step else line


def settings_findings(environment: Mapping[str, str]) -> list[Finding]:
    """Each variable that is set, secrets masked."""
    return [
        Finding(name, True, "***" if one.secret and name == one.name else environment[name])
        for one in TABLE
        for name in one.names
        if environment.get(name, "").strip()
    ]


def warnings(settings: Settings) -> list[Finding]:
    """What is set so that it works, and is probably not what was meant."""
    return [Finding("settings", True, f"note: {warning}") for warning in settings.warnings]


async def outside_findings(
    settings: Settings, github: GitHub, organisations: Organisations, now: float
) -> list[Finding]:
    """GitHub, the webhook and Depot."""
    findings = [await _identity(settings, github)]
    has_access = findings[0].is_well
    if github.server_clock.is_known:
        findings.append(_clock(github))
    if github.is_app and has_access:
        findings += await _app(settings, github)
        findings.append(await _deliveries(github, now))
    return [
        *findings,
        *[await _depot(owner, depot) for owner, depot in organisations.by_owner().items()],
    ]


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


# --- GitHub --------------------------------------------------------------------------------------


async def _identity(settings: Settings, github: GitHub) -> Finding:
    name = "GitHub credentials"
    try:
        return Finding(name, True, f"the bot is {await github.login()}")
    except BadCredentials as error:
        detail = f"{error}{clock_note(github)}"
        return Finding(name, False, detail, _new_credentials(settings, github))
    except GitHubError as error:
        detail = f"GitHub does not answer as it should: {error}"
        return Finding(name, False, detail, f"see whether {settings.github_url} answers here")


def _new_credentials(settings: Settings, github: GitHub) -> str:
    if clock_difference(github):
        return "set this machine's clock right"
    web = web_url(settings.github_url)
    if github.is_app:
        return (
            "compare GITHUB_APP_ID with the App's page under "
            f"{web}/settings/apps (of the organisation, or yours), and generate a new private key "
            "there for GITHUB_PRIVATE_KEY"
        )
    return f"make a new token under {web}/settings/tokens for GITHUB_TOKEN"


def _clock(github: GitHub) -> Finding:
    difference = clock_difference(github)
    if not difference:
        return Finding("clock", True, "as GitHub's")
    step = "let this machine set its clock by the network, e.g. `timedatectl set-ntp true`"
    return Finding("clock", False, difference, step)


async def _app(settings: Settings, github: GitHub) -> list[Finding]:
    """The App itself, where it is installed, and its webhook."""
    step = f"see whether {settings.github_url} answers here, then check again"
    try:
        facts = await github.app_facts()
    except GitHubError as error:
        return [Finding("GitHub App", False, str(error), step)]
    page = _settings_page(settings, facts)
    findings = _needs(facts, page)
    try:
        findings += _installations(facts, await github.installations())
    except GitHubError as error:
        findings.append(Finding("GitHub App installations", False, str(error), step))
    try:
        findings.append(_hook(settings, await github.hook_config(), page))
    except NotFound:
        address = f"{settings.public_url or 'https://YOUR-HOST'}/webhook"
        needed = f"make it active at {page}; its address is {address}"
        findings.append(Finding("webhook", False, "the App has none", needed))
    except GitHubError as error:
        findings.append(Finding("webhook", False, str(error), step))
    return findings


def _settings_page(settings: Settings, facts: AppFacts) -> str:
    """Where the App's owner changes it."""
    is_organisation = facts.owner.type == "Organization"
    owner = f"/organizations/{facts.owner.name}" if is_organisation else ""
    return f"{web_url(settings.github_url)}{owner}/settings/apps/{facts.slug}"


def _needs(facts: AppFacts, page: str) -> list[Finding]:
    """Whether the App may and hears what the bot needs."""
    lacking = _lacking(facts.permissions)
    missing = sorted(webhooks.EVENTS - set(facts.events))
    permissions = Finding("GitHub App permissions", True, "all that is needed")
    if lacking:
        step = f"give it these at {page}/permissions, then have each owner accept them"
        permissions = Finding(permissions.name, False, f"lacking {', '.join(lacking)}", step)
    events = Finding("GitHub App events", True, "all that are needed")
    if missing:
        step = f"subscribe it to these at {page}/permissions"
        events = Finding(events.name, False, f"not subscribed to {', '.join(missing)}", step)
    return [permissions, events]


def _lacking(granted: Mapping[str, str]) -> list[str]:
    """The permissions that the bot needs beyond these."""
    return [
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if not _reaches(granted.get(name), level)
    ]


def _reaches(granted: str | None, level: str) -> bool:
    return granted in _LEVELS and _LEVELS.index(granted) >= _LEVELS.index(level)


def _installations(facts: AppFacts, installed: Sequence[InstallationFacts]) -> list[Finding]:
    name = "GitHub App installations"
    if not installed:
        step = f"install it at {facts.html_url}/installations/new"
        return [Finding(name, False, "it is installed nowhere", step)]
    troubled = [found for one in installed if (found := _installation(facts, one)) is not None]
    if not troubled:
        where = ", ".join(one.account.name for one in installed[:MAX_NAMED])
        more = f" and {len(installed) - MAX_NAMED} more" if len(installed) > MAX_NAMED else ""
        return [Finding(name, True, f"on {where}{more}")]
    shown = troubled[:MAX_NAMED]
    if len(troubled) > len(shown):
        rest = len(troubled) - len(shown)
        shown.append(Finding(name, False, f"the same of {rest} more", "mend these, check again"))
    return shown


def _installation(facts: AppFacts, one: InstallationFacts) -> Finding | None:
    """What is wrong with one installation, if anything is."""
    name = f"GitHub App on {one.account.name}"
    if one.suspended_at is not None:
        return Finding(
            name,
            False,
            f"suspended since {one.suspended_at}: no webhook comes, and nothing can be done there",
            f"that is lifted at {one.html_url}",
        )
    # What the App itself lacks is shown with the App.
    of_app = set(_lacking(facts.permissions))
    waiting = [need for need in _lacking(one.permissions) if need not in of_app]
    if not waiting:
        return None
    return Finding(
        name,
        False,
        f"its owner has not accepted the App's new permissions yet: {', '.join(waiting)}",
        f"an owner of {one.account.name} accepts them at {one.html_url}",
    )


def _hook(settings: Settings, hook: HookConfig, page: str) -> Finding:
    """The App's webhook."""
    expected = f"{settings.public_url}/webhook" if settings.public_url else ""
    goes_elsewhere = bool(expected) and hook.url != expected
    problems = {
        "it has no address": not hook.url,
        f"it goes to {hook.url}": bool(hook.url) and goes_elsewhere,
        "its content type is not application/json": hook.content_type != "json",
        "it has no secret": not hook.secret,
        "it does not verify TLS certificates": str(hook.insecure_ssl) != "0",
    }
    wrong = [problem for problem, is_so in problems.items() if is_so]
    if not wrong:
        return Finding("webhook", True, hook.url)
    address = f"; its address is {expected}" if expected and goes_elsewhere else ""
    secret = "; its secret is GITHUB_WEBHOOK_SECRET" if not hook.secret else ""
    step = f"set this right at {page}{address}{secret}"
    return Finding("webhook", False, "; ".join(wrong), step)


async def _deliveries(github: GitHub, now: float) -> Finding:
    name = "webhook deliveries"
    try:
        failed = await github.failed_deliveries(now - DAY)
    except GitHubError as error:
        return Finding(name, False, str(error), "check again")
    concern = [delivery for delivery in failed if delivery.event in webhooks.EVENTS]
    if not concern:
        return Finding(name, True, "all arrived")
    reasons = Counter(_reason(delivery) for delivery in concern)
    named = ", ".join(f"{count} × {reason}" for reason, count in reasons.most_common(MAX_NAMED))
    newest = max(concern, key=lambda delivery: delivery.failed_at)
    return Finding(
        name,
        False,
        f"{len(concern)} of the last day did not arrive: {named}",
        f"{_step(newest)} (the bot has them sent again by itself)",
    )


def _reason(delivery: FailedDelivery) -> str:
    """Why a delivery failed, in GitHub's words."""
    words = " ".join(delivery.status.split())[:MAX_STATUS]
    code = str(delivery.status_code)
    if not words:
        return code
    return words if code in words else f"{words} ({code})"


_STEPS = {
    400: "see the bot's log for delivery_rejected",
    401: "set GITHUB_WEBHOOK_SECRET to the secret that the App's webhook has; anything that goes "
    "between GitHub and the bot must leave the body as it is",
    403: "let GitHub's requests through whatever stands before the bot",
    404: "the webhook's address ends in /webhook, behind PUBLIC_URL",
    413: "let whatever stands before the bot take bodies of 25 MB",
    415: "set the webhook's content type to application/json",
    503: "see the bot's log for delivery_not_stored: its ledger could not be written",
}
"""What to do for each status that the bot or a proxy answers with."""


def _step(delivery: FailedDelivery) -> str:
    """What to do about a delivery that failed."""
    words = delivery.status.lower()
    if "timed out" in words or "timeout" in words:
        return "see what keeps the bot from answering within ten seconds"
    if "connect" in words:
        return (
            "see whether the webhook's address is reached from the internet, with a valid "
            "certificate"
        )
    return _STEPS.get(
        delivery.status_code, "see whether the bot ran then, and what stands before it answered"
    )


# --- Depot ---------------------------------------------------------------------------------------


async def _depot(owner: str, depot: Depot) -> Finding:
    name = f"Depot token of {owner}" if owner else "Depot token"
    try:
        await depot.check()
    except DepotError as error:
        variable = f'the variable that [depot."{owner}"] names' if owner else "DEPOT_TOKEN"
        is_refusal = error.code in {"unauthenticated", "permission_denied"}
        detail = error.code if is_refusal else f"Depot does not answer as it should: {error}"
        return Finding(name, False, detail, _depot_step(error.code, variable))
    return Finding(name, True, "Depot knows it")


def _depot_step(code: str, variable: str) -> str:
    match code:
        case "unauthenticated":
            return (
                "create an organisation token at Depot under Organization Settings → API Tokens, "
                f"and put it into {variable}"
            )
        case "permission_denied":
            return f"put an organisation token into {variable}, or set DEPOT_ORG_ID with a user's"
        case _:
            return "see whether DEPOT_API_URL answers here, and whether Depot has trouble"
