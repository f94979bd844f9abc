"""The command line: `depot-bot serve`, `check`, `demo`, `check-config`, `replay`, `requeue`,
`backup`, `migrate`, `example`."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shlex
import sys
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from bot import __version__
from bot.commands import COMMANDS
from bot.commands.base import arguments_by_verb
from bot.core.clock import SystemClock
from bot.core.types import WorkItemId
from bot.messages.markdown import clean
from bot.ops.diagnostics import (
    Finding,
    database_finding,
    outside_findings,
    settings_findings,
    warnings,
)
from bot.ops.environment import Environment
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
from bot.ops.variables import DATABASE_URL, TABLE, Variable, described
from bot.rules.repository_config import PATHS, BadConfig, parse, schema
from bot.services import Services, open_clients, working
from bot.storage.backup import back_up
from bot.storage.connect import file_of, ledger_version, open_store, without_password
from bot.storage.database import AlreadyInUse, LedgerUnavailable, LedgerUnusable
from bot.storage.queue import Queue
from bot.storage.tables import VERSION
from bot.web.auth import Access
from bot.web.reload import on_hangup, reloading
from bot.web.server import listen
from bot.web.setup import open_setup
from bot.web.waiting import open_bot

log = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="depot-bot", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve_ = verbs.add_parser("serve", help="run the bot")
    _explain(
        serve_,
        "Run the bot; without GitHub credentials, serve /setup first. SIGTERM and SIGINT stop it. "
        "SIGHUP reads the file of settings, the files of secrets and BOT_CONFIG again.",
        {
            0: "stopped when told to",
            1: "the port or the ledger cannot be opened",
            2: "settings are missing or wrong: all are named, and the port was not opened",
        },
        TABLE,
    )
    serve_.add_argument("--host", help="the address to listen on, instead of HOST")
    serve_.add_argument(
        "--port", help="the port to listen on, instead of PORT; on 127.0.0.1 if no host is named"
    )
    check = verbs.add_parser("check", help="is all well? settings, GitHub, Depot, database")
    _explain(
        check,
        "Look at each setting and at all that the bot needs, one line each, with the next step "
        "where something is wrong. Nothing is started.",
        {0: "all is well", 1: "something is not: see FAIL"},
        TABLE,
    )
    demo = verbs.add_parser(
        "demo", help="a first look: the bot against a simulated GitHub and Depot"
    )
    _explain(
        demo,
        "Start the bot against a simulated GitHub and Depot on this machine.",
        {0: "it went as it should, or was stopped", 1: "it did not"},
    )
    demo.add_argument(
        "--serve", action="store_true", help="stay up, with a pull request in the browser"
    )
    check_config = verbs.add_parser("check-config", help="check a repository's depot-bot.yml")
    _explain(
        check_config,
        "Tell all that is wrong with a repository's own rules, line by line.",
        {0: "the file is valid", 1: "it is not", 2: "it cannot be read"},
    )
    check_config.add_argument("file", type=Path, nargs="?", default=Path(PATHS[0]))
    check_config.add_argument(
        "--schema", action="store_true", help="print the file's JSON Schema instead"
    )
    replay_ = verbs.add_parser(
        "replay", help="what a stored webhook delivery would lead to; nothing is done"
    )
    _explain(
        replay_,
        "Tell what a webhook delivery would lead to. Nothing is asked, stored or started.",
        {0: "it was read", 2: "it is no delivery, or cannot be read"},
    )
    replay_.add_argument("file", type=Path, help="JSON: the delivery's headers and payload")
    replay_.add_argument(
        "--event", default="", metavar="NAME", help="which event it is, for a payload alone"
    )
    requeue = verbs.add_parser(
        "requeue", help="put back what was set aside after failing for too long; also beside a bot"
    )
    _explain(
        requeue,
        "Put back what was set aside, for a bot that runs or will run.",
        {
            0: "done",
            1: "that is not set aside, or the ledger does not answer",
            2: "no such id, or the ledger cannot be opened",
        },
        [DATABASE_URL],
    )
    requeue.add_argument("id", nargs="?", help="one comment or event, such as ic-2400012; else all")
    backup = verbs.add_parser(
        "backup", help="copy the ledger to a new file, also while the bot is running"
    )
    _explain(
        backup,
        "Copy a SQLite ledger, also while the bot is running; for PostgreSQL, tell what to type.",
        {
            0: "done",
            1: "the file is there already, or cannot be written",
            2: "there is no ledger, or it is in PostgreSQL",
        },
        [DATABASE_URL],
    )
    backup.add_argument("file", type=Path, help="where to; it must not exist")
    migrate = verbs.add_parser(
        "migrate", help="bring the ledger up to date, as `serve` does when it starts"
    )
    _explain(
        migrate,
        "Bring the ledger up to date, or make it, and end.",
        {0: "it is up to date", 2: "it cannot be opened, or is no ledger of this bot"},
        [DATABASE_URL],
    )
    example_ = verbs.add_parser("example", help="print a file of settings to begin with")
    _explain(example_, "Print a file of settings to begin with.", {0: "done"})
    example_.add_argument("name", choices=NAMES)
    for parser_ in (serve_, check, requeue, backup, migrate):
        parser_.add_argument(
            "--env-file", type=Path, metavar="FILE", help="read settings from there, not from .env"
        )
    chosen = parser.parse_args(arguments)
    if chosen.verb == "check-config":
        return _print_schema() if chosen.schema else _check_config(chosen.file)
    if chosen.verb == "demo":
        return _demo(serves=chosen.serve)
    if chosen.verb == "replay":
        return _replay(chosen.file, chosen.event)
    if chosen.verb == "requeue":
        return asyncio.run(_requeue(Environment(chosen.env_file), chosen.id))
    if chosen.verb == "backup":
        return _backup(Environment(chosen.env_file), chosen.file)
    if chosen.verb == "migrate":
        return asyncio.run(_migrate(Environment(chosen.env_file)))
    if chosen.verb == "example":
        print(example(chosen.name), end="")
        return 0
    if chosen.verb == "check":
        return asyncio.run(_check(Environment(chosen.env_file)))
    return _serve(Environment(chosen.env_file, chosen.host, chosen.port))


def _explain(
    parser: argparse.ArgumentParser,
    text: str,
    exits: dict[int, str],
    variables: Sequence[Variable[object]] = (),
) -> None:
    """What `--help` says of a command beside its arguments."""
    codes = "\n".join(f"  {code}  {meaning}" for code, meaning in exits.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = textwrap.fill(text, 98)
    parser.epilog = f"exit status:\n{codes}\n\nvariables, of the environment or of .env:\n" + (
        described(variables) if variables else "  none"
    )


async def _check(source: Environment) -> int:
    # What happens meanwhile is in the findings.
    set_up_logging("critical", "")
    findings = []
    try:
        environment = source.read()
        findings += settings_findings(environment)
        settings = load(environment)
    except SettingsError as error:
        findings += [Finding("settings", False, problem) for problem in error.problems]
    else:
        findings += warnings(settings)
        async with open_clients(settings) as (github, organisations):
            now = SystemClock().now()
            findings += await outside_findings(settings, github, organisations, now)
        findings.append(await database_finding(settings))
    for finding in findings:
        print(clean(str(finding)))
    return 0 if all(finding.is_well for finding in findings) else 1


async def _requeue(source: Environment, work_item_id: str | None) -> int:
    if work_item_id is not None and not re.fullmatch(r"[a-z]{2}-[0-9A-Za-z-]+", work_item_id):
        print(f"{clean(work_item_id)!r} is no id, such as ic-2400012.", file=sys.stderr)
        return 2
    try:
        store = await open_store(database_url(source.read()), SystemClock(), is_guest=True)
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


def _backup(source: Environment, copy: Path) -> int:
    try:
        url = database_url(source.read())
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


async def _migrate(source: Environment) -> int:
    try:
        url = database_url(source.read())
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
        # Some of this is untrusted: nothing of it may move the cursor.
        print(clean(line))
    return 0


def _serve(source: Environment) -> int:
    try:
        settings, is_new = _serving(source)
    except SettingsError as error:
        print("depot-bot cannot start with these settings:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        print("`depot-bot example .env` explains each of them.", file=sys.stderr)
        return 2
    set_up_logging(settings.log_level, settings.log_format)
    for warning in settings.warnings:
        log.warning("settings_doubtful", hint=warning)
    try:
        return asyncio.run(serve_setup(settings, source) if is_new else serve(settings, source))
    except (AlreadyInUse, LedgerUnavailable) as error:
        print(f"depot-bot cannot open its ledger: {error}", file=sys.stderr)
        return 2 if isinstance(error, LedgerUnusable) else 1


def _serving(source: Environment) -> tuple[Settings, bool]:
    """The settings, and whether they are for the set-up; raises SettingsError."""
    environment = source.read(may_be_missing=True)
    is_new = lacks_credentials(environment)
    try:
        settings = load_for_setup(environment) if is_new else load(environment)
    except SettingsError as error:
        raise SettingsError([*source.problems(), *error.problems]) from None
    if not is_new and (problems := source.problems()):
        raise SettingsError(problems)  # the set-up makes the file
    return settings, is_new


async def serve(settings: Settings, source: Environment) -> int:
    """Serve until told to stop (SIGINT, SIGTERM)."""
    access = Access.with_password(settings.admin_password)

    @asynccontextmanager
    async def work(services: Services) -> AsyncIterator[None]:
        async with working(services), reloading(services, access, lambda: load(source.read())):
            yield

    def hung_up() -> None:
        log.info(
            "settings_not_read_again",
            hint="the ledger cannot be reached yet: start the bot again for new ones",
        )

    with on_hangup(hung_up):
        async with open_bot(settings, access, work) as (app, beside):
            _announce(access, settings)
            return await listen(app, settings.host, settings.port, beside=beside)


async def serve_setup(settings: Settings, source: Environment) -> int:
    """Serve the set-up, and the bot once that is done, until told to stop."""
    access = Access.with_password(settings.admin_password)

    def read() -> Settings:
        return load(source.read())

    @asynccontextmanager
    async def work(services: Services) -> AsyncIterator[None]:
        async with working(services), reloading(services, access, read):
            yield

    def hung_up() -> None:
        log.info("settings_not_read_again", hint="they are read when the set-up is done")

    with on_hangup(hung_up):
        async with open_setup(settings, source.file, read, access, work=work) as app:
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
