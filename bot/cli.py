"""The command line: `depot-bot serve`, `check`, `demo`, `check-config`, `replay`, `requeue`,
`backup`, `migrate`, `example`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path

import structlog
from dotenv import dotenv_values

from bot import __version__
from bot.commands import COMMANDS
from bot.commands.base import arguments_by_verb
from bot.core.clock import SystemClock
from bot.core.types import WorkItemId
from bot.messages.markdown import clean
from bot.ops.diagnostics import Finding, database_finding, outside_findings, settings_findings
from bot.ops.examples import NAMES, example
from bot.ops.explain import Unreadable, replay, stored
from bot.ops.logging_setup import set_up_logging
from bot.ops.settings import (
    Settings,
    SettingsError,
    database_url,
    lacks_credentials,
    load,
    load_for_setup,
)
from bot.rules.repository_config import PATHS, BadConfig, parse, schema
from bot.services import open_clients
from bot.storage.backup import back_up
from bot.storage.connect import file_of, ledger_version, open_store, without_password
from bot.storage.database import AlreadyInUse, LedgerUnavailable, LedgerUnusable
from bot.storage.queue import Queue
from bot.storage.tables import VERSION
from bot.web.auth import Access
from bot.web.server import listen
from bot.web.setup import open_setup
from bot.web.waiting import open_bot

ENV_FILE = Path(".env")
"""Where settings are read from, below the environment; the set-up stores credentials there."""

log = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="depot-bot", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve", help="run the bot")
    verbs.add_parser("check", help="is all well? settings, GitHub, Depot, database")
    demo = verbs.add_parser(
        "demo", help="a first look: the bot against a simulated GitHub and Depot"
    )
    demo.add_argument(
        "--serve", action="store_true", help="stay up, with a pull request in the browser"
    )
    check_config = verbs.add_parser("check-config", help="check a repository's depot-bot.yml")
    check_config.add_argument("file", type=Path, nargs="?", default=Path(PATHS[0]))
    check_config.add_argument(
        "--schema", action="store_true", help="print the file's JSON Schema instead"
    )
    replay_ = verbs.add_parser(
        "replay", help="what a stored webhook delivery would lead to; nothing is done"
    )
    replay_.add_argument("file", type=Path, help="JSON: the delivery's headers and payload")
    replay_.add_argument(
        "--event", default="", metavar="NAME", help="which event it is, for a payload alone"
    )
    requeue = verbs.add_parser(
        "requeue", help="put back what was set aside after failing for too long; also beside a bot"
    )
    requeue.add_argument("id", nargs="?", help="one comment or event, such as ic-2400012; else all")
    backup = verbs.add_parser(
        "backup", help="copy the ledger to a new file, also while the bot is running"
    )
    backup.add_argument("file", type=Path, help="where to; it must not exist")
    verbs.add_parser("migrate", help="bring the ledger up to date, as `serve` does when it starts")
    example_ = verbs.add_parser("example", help="print a file of settings to begin with")
    example_.add_argument("name", choices=NAMES)
    chosen = parser.parse_args(arguments)
    if chosen.verb == "check-config":
        return _print_schema() if chosen.schema else _check_config(chosen.file)
    if chosen.verb == "demo":
        return _demo(serves=chosen.serve)
    if chosen.verb == "replay":
        return _replay(chosen.file, chosen.event)
    if chosen.verb == "requeue":
        return asyncio.run(_requeue(_environment(), chosen.id))
    if chosen.verb == "backup":
        return _backup(_environment(), chosen.file)
    if chosen.verb == "migrate":
        return asyncio.run(_migrate(_environment()))
    if chosen.verb == "example":
        print(example(chosen.name), end="")
        return 0
    if chosen.verb == "check":
        return asyncio.run(_check(_environment()))
    return _serve()


async def _check(environment: dict[str, str]) -> int:
    findings = settings_findings(environment)
    try:
        settings = load(environment)
    except SettingsError as error:
        findings += [Finding("settings", False, problem) for problem in error.problems]
    else:
        async with open_clients(settings) as (github, depot):
            findings += await outside_findings(settings, github, depot, SystemClock().now())
        findings.append(await database_finding(settings))
    for finding in findings:
        print(finding)
    return 0 if all(finding.is_well for finding in findings) else 1


async def _requeue(environment: dict[str, str], work_item_id: str | None) -> int:
    if work_item_id is not None and not re.fullmatch(r"[a-z]{2}-[0-9A-Za-z-]+", work_item_id):
        print(f"{clean(work_item_id)!r} is no id, such as ic-2400012.", file=sys.stderr)
        return 2
    try:
        store = await open_store(database_url(environment), SystemClock(), is_guest=True)
    except (SettingsError, LedgerUnavailable, ValueError) as error:
        print(f"depot-bot cannot open its ledger: {error}", file=sys.stderr)
        return 2
    try:
        which = WorkItemId(work_item_id) if work_item_id is not None else None
        count = await Queue(store).put_back(which)
    except LedgerUnavailable as error:
        print(f"depot-bot cannot use its ledger: {error}", file=sys.stderr)
        return 1
    finally:
        await store.close()
    if which is not None and not count:
        print(f"{clean(which)} is not set aside.", file=sys.stderr)
        return 1
    print(f"{count} put back.")
    return 0


def _backup(environment: dict[str, str], copy: Path) -> int:
    try:
        url = database_url(environment)
        ledger = file_of(url)
        if ledger is None:
            address = shlex.quote(without_password(url))
            print(
                "The ledger is in PostgreSQL, which has programs of its own for this. Type\n"
                f"    pg_dump --format=custom --file={shlex.quote(str(copy))} {address}\n"
                "and to restore it, into an empty database while no bot runs,\n"
                f"    pg_restore --no-owner --dbname={address} {shlex.quote(str(copy))}",
                file=sys.stderr,
            )
            return 2
        back_up(ledger, copy)
    except (SettingsError, LedgerUnavailable) as error:
        print(f"depot-bot cannot back up its ledger: {error}", file=sys.stderr)
        return 2
    except FileExistsError:
        print(f"{copy} is there already, and stays as it is: name a new file.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{copy} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{copy}: {copy.stat().st_size} bytes")
    return 0


async def _migrate(environment: dict[str, str]) -> int:
    try:
        url = database_url(environment)
        before = await ledger_version(url, SystemClock())
        await (await open_store(url, SystemClock())).close()
    except (SettingsError, AlreadyInUse, LedgerUnavailable) as error:
        print(f"depot-bot cannot bring its ledger up to date: {error}", file=sys.stderr)
        return 2
    if before == VERSION:
        print(f"The ledger is up to date: {VERSION}.")
    else:
        print(f"The ledger is at {VERSION} now; it was {f'at {before}' if before else 'empty'}.")
    return 0


def _demo(*, serves: bool) -> int:
    # Its simulators are not loaded for anything else.
    if serves:
        from bot.demo.serve import serve as serve_demo

        return serve_demo()
    from bot.demo.play import play

    return play()


def _print_schema() -> int:
    print(json.dumps(schema(), indent=2))
    return 0


def _check_config(path: Path) -> int:
    verbs = arguments_by_verb(COMMANDS)
    try:
        parse(path.read_text(), verbs)
    except (OSError, UnicodeDecodeError) as error:
        print(f"{path}: cannot be read: {error}", file=sys.stderr)
        return 2
    except BadConfig as wrong:
        for fault in wrong.faults:
            print(f"{path}: {clean(str(fault))}", file=sys.stderr)
        return 1
    print(f"{path}: valid")
    return 0


def _replay(path: Path, event: str) -> int:
    try:
        found = replay(stored(path.read_bytes(), event), COMMANDS)
    except OSError as error:
        print(f"{path}: cannot be read: {error}", file=sys.stderr)
        return 2
    except Unreadable as wrong:
        print(f"{path}: {clean(str(wrong))}", file=sys.stderr)
        return 2
    for line in found.lines():
        # Strangers wrote some of this: nothing of it may move the cursor.
        print(clean(line))
    return 0


def _serve() -> int:
    environment = _environment()
    is_new = lacks_credentials(environment)
    try:
        settings = load_for_setup(environment) if is_new else load(environment)
    except SettingsError as error:
        print("depot-bot cannot start with these settings:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        print("`depot-bot example .env` explains each of them.", file=sys.stderr)
        return 2
    set_up_logging(settings.log_level, settings.log_format)
    try:
        return asyncio.run(serve_setup(settings) if is_new else serve(settings))
    except (AlreadyInUse, LedgerUnavailable) as error:
        print(f"depot-bot cannot open its ledger: {error}", file=sys.stderr)
        return 2 if isinstance(error, LedgerUnusable) else 1


def _environment() -> dict[str, str]:
    """The environment, and below it what `.env` says.

    A variable that is set to nothing, as hosting panels and compose files do, hides no line there.
    """
    given = {name: value for name, value in os.environ.items() if value}
    return {**{name: value or "" for name, value in dotenv_values(ENV_FILE).items()}, **given}


async def serve(settings: Settings) -> int:
    """Serve until told to stop (SIGINT, SIGTERM)."""
    access = Access.with_password(settings.admin_password)
    async with open_bot(settings, access) as (app, beside):
        _announce(access, settings)
        return await listen(app, settings.host, settings.port, beside=beside)


async def serve_setup(settings: Settings) -> int:
    """Serve the set-up, and the bot once that is done, until told to stop."""
    env_file = Path.cwd() / ENV_FILE
    access = Access.with_password(settings.admin_password)
    async with open_setup(settings, env_file, lambda: load(_environment()), access) as app:
        log.warning("setup_needed", page=f"{settings.public_url}/setup")
        _announce(access, settings)
        return await listen(app, settings.host, settings.port)


def _announce(access: Access, settings: Settings) -> None:
    """Print the link that logs in, to a terminal only: what is no terminal may be kept as a log."""
    if not access.is_made:
        return
    if not sys.stderr.isatty():
        log.warning("status_pages_closed", hint="set ADMIN_PASSWORD to open them")
        return
    address = settings.public_url or f"http://localhost:{settings.port}"
    print(f"Status pages and set-up, for you: {access.link(address)}", file=sys.stderr)
