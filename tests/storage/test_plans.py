"""What is over costs nothing: every statement is played on a ledger full of finished requests, and
none reads them all, on either store.

The statements are those that are executed, not a list kept by hand, and a method of the ledger that
the play does not call fails the test.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any, cast, get_type_hints

import httpx
import psycopg
import pytest
from psycopg import sql

from bot.core.events import CommandLine
from bot.core.failures import JobFailure
from bot.core.models import Absence, Claim, Progress, Reply, TrackedRun
from bot.core.rate_limit import WriteKind
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CHECK_CONFIG, CommandId, RepoName, RunId
from bot.demo.stage import Stage
from bot.storage.items import StartInProgress
from bot.storage.ledger import Ledger
from bot.storage.retention import Deleted
from bot.storage.status_queries import Filter, State, StatusQueries
from bot.web.app import create_app
from tests.storage.examples import (
    ANY,
    NEW,
    change,
    claimed,
    comment,
    delivery,
    first,
    head,
    new_attempt,
    tracked,
)
from tests.support.conversation import REPO, START, Conversation, Hook, ManualClock, bot_on
from tests.support.databases import Database, new_database
from tests.support.filled import (
    AUTHOR,
    ITEM,
    KEPT_SECONDS,
    NUMBER,
    OTHER,
    OTHER_ID,
    RUN,
    SHA,
    analyze,
    fill,
    resume,
)
from tests.support.ledgers import migrated
from tests.support.plans import Executed, explained

pytestmark = pytest.mark.anyio

FINISHED = 40_000

SETTING = "enable_seqscan = off"
"""Of so few requests PostgreSQL would now and then rightly read them all, where it has another way,
too. Of a million it does not (`tests.bench.grown`)."""

MOST = {"sqlite": 120_000, "postgresql": 8_000}
"""What a statement may cost, in instructions or rows: going through all that is finished costs many
times as much."""

BUSY = RepoName(REPO)

SMALL = {
    *("alembic_version", "former_names", "periodic_jobs", "repositories"),
    *("waiting_writes", "write_budgets"),
}
"""Tables that do not grow with what is over."""


@pytest.fixture(scope="module", params=["sqlite", "sqlite, analyzed", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A ledger full of finished requests. SQLite plans by what it has counted, if it ever has."""
    clock = ManualClock()
    if request.param == "postgresql":
        with new_database() as url:
            database = Database(url, clock)
            yield _filled(database, time.time())
    else:
        file = tmp_path_factory.mktemp("filled") / "ledger.db"
        yield _filled(Database(migrated(file), clock), clock.now(), request.param)


def _filled(database: Database, now: float, kind: str = "analyzed") -> Database:
    if database.is_postgresql:
        migrate(database)
        with psycopg.connect(database.url) as db:
            name = sql.Identifier(db.info.dbname)
            db.execute(sql.SQL(f"ALTER DATABASE {{}} SET {SETTING}").format(name))
    fill(database.url, FINISHED, now)
    if "analyzed" in kind:
        analyze(database.url)
    return database


def migrate(database: Database) -> None:
    async def opened() -> None:
        async with database.opened():
            pass

    asyncio.run(opened())


PARTS = (*get_type_hints(Ledger).values(), StatusQueries)
METHODS = {
    f"{part.__name__}.{name}": part
    for part in PARTS
    for name, method in vars(part).items()
    if inspect.iscoroutinefunction(method) and not name.startswith("_")
}
"""What the ledger is asked and told, each in a transaction."""


class Watched:
    """A part of the ledger that notes which of its methods are called."""

    def __init__(self, part: object, called: set[str]) -> None:
        self._part = part
        self._called = called

    def __getattr__(self, name: str) -> Any:
        self._called.add(f"{type(self._part).__name__}.{name}")
        return getattr(self._part, name)


async def played(database: Database) -> list[Executed]:
    """What is executed when every method of the ledger is called."""
    called: set[str] = set()
    with explained() as executed:
        async with database.opened() as store:
            ledger = Ledger.on(store)
            parts = [Watched(getattr(ledger, one.name), called) for one in fields(ledger)]
            status = Watched(StatusQueries(store), called)
            await play(Ledger(*cast(Any, parts)), cast(StatusQueries, status))
    assert called == set(METHODS), "a method that is not played"
    return executed


async def test_no_statement_reads_what_is_over(filled: Database) -> None:
    assert_cheap(await played(filled), "postgresql" if filled.is_postgresql else "sqlite")


GOING_ON = 5_000
"""Requests that go on; half of them are undecided, of the other half a run is followed."""

MOST_GOING_ON = 2_000
"""Rows that a statement may look at then."""

ABOUT_ALL = (
    "AS undecided",  # the metrics
    "count(*) AS count_1 \nFROM tracked_runs",  # how many runs are followed
    "UPDATE work_items SET lease_until=%(lease_until)s WHERE",  # when the bot stops
    "received_at DESC, ",  # the status page, by state
)
"""Parts of the statements that are about all that goes on."""


@pytest.fixture
def burst() -> Iterator[Database]:
    """A ledger that was quiet when PostgreSQL last counted. Much goes on since: it takes that for
    next to nothing."""
    clock = ManualClock()
    with new_database() as url:
        database = _filled(Database(url, clock), time.time())
        resume(url, GOING_ON, time.time() + 1e6)
        yield database


async def test_no_statement_reads_all_that_goes_on(burst: Database) -> None:
    costly = {
        one.statement: one
        for one in await played(burst)
        if one.cost > MOST_GOING_ON and not any(part in one.statement for part in ABOUT_ALL)
    }
    assert not costly, "\n\n".join(str(one) for one in costly.values())


async def test_a_whole_conversation_reads_nothing_that_is_over(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.db"
    fill(migrated(file), FINISHED, clock.now())
    with explained() as executed:
        async with bot_on(stage, clock, hook, file) as services:
            pr = Conversation(clock, stage, services, REPO, 1)
            await converse(pr)
            app = httpx.ASGITransport(app=create_app(services, run_worker=False))
            pages = httpx.AsyncClient(
                transport=app, base_url="http://bot.test", auth=("", stage.admin_password)
            )
            for path in (
                "/",
                "/?state=following",
                f"/commands/{ITEM}",
                "/flaky",
                "/metrics",
                "/readyz",
            ):
                assert (await pages.get(path)).is_success, path
    assert_cheap(executed, "sqlite")


async def converse(pr: Conversation) -> None:
    """Commands of most kinds, and a push, each to its end."""
    for body in (
        "/depot run ci.yml job=test",
        "/depot run\n/depot status",
        "/depot retry\n/depot why",
        "/depot can-i",
        "/depot rum",
        "depot run ci",
    ):
        await pr.says("alice", body)
        await pr.passes(60)
    pr.github.push(REPO, 1, {"change.txt": "two\n"}, by="alice")
    await pr.passes(60)
    assert pr.depot.runs


def assert_cheap(executed: list[Executed], kind: str) -> None:
    """No statement goes through a table that grows, or costs about as much as that."""
    assert len(executed) > 50
    costly = {
        one.statement: one for one in executed if set(one.scanned) - SMALL or one.cost > MOST[kind]
    }
    assert not costly, "\n\n".join(str(one) for one in costly.values())


async def play(ledger: Ledger, status: StatusQueries) -> None:
    """Every method of the ledger, in about the order in which a bot calls them."""
    await arrives(ledger)
    await decides(ledger)
    await follows(ledger)
    await fails(ledger)
    await is_read(ledger, status)
    await is_kept(ledger)


async def arrives(ledger: Ledger) -> None:
    """A comment, and a push, in a repository that is known."""
    one = replace(comment(1, number=NUMBER, repo=BUSY), repo_id=1)
    assert await ledger.inbox.accept(delivery(), [one])
    assert not await ledger.inbox.accept(delivery(), [one])
    assert await ledger.inbox.accept_head(*head("g2", SHA, START, NUMBER, BUSY))


async def decides(ledger: Ledger) -> None:
    queue, items, known = ledger.queue, ledger.items, ledger.pull_requests
    assert await queue.until_due() is not None
    claims = (await queue.claim_and_look(10, 10)).claims
    claim, event = sorted(claims, key=lambda one: one.work_item_id, reverse=True)
    await queue.renew(claim)
    await items.load(claim.work_item_id)
    assert (await items.load(ITEM)).runs
    await items.add_commands(event, [CommandLine(CHECK_CONFIG)])
    reply = Progress(reply=Reply(7, True, "It is valid."))
    await items.save_decision(event, first(event), Reason.CONFIG_CHECKED, "It is valid.")
    await queue.release(event, None, reply)
    assert await items.config_reply(BUSY, NUMBER) != Reply()
    await items.has_newer_check(BUSY, NUMBER, START)
    counted = await known.known(BUSY, NUMBER, AUTHOR, 3600.0, list(Reason))
    assert counted.heads
    await known.newest_heads(BUSY, NUMBER)
    await known.is_from_fork(BUSY, SHA)
    await known.has_hint(BUSY, NUMBER, AUTHOR)
    for author, number in product((None, AUTHOR), (None, NUMBER)):
        await known.count_commands(BUSY, 3600.0, author, number)
    absence = Absence("/repos/octo/hello", START)
    await items.save_postponement(claim, first(claim), "It waits.", START, absence)
    attempt = await items.add_start_attempt(claim, new_attempt(claim))
    with pytest.raises(StartInProgress):
        await items.add_start_attempt(claim, new_attempt(claim))
    await items.save_start_attempt(claim, attempt)
    await items.save_start(claim, [mine(claim, "r1")], replace(attempt, outcome="started"))
    run = mine(claim, "r2")
    await items.save_decision(claim, first(claim), Reason.STARTED, "", [run], times=3)
    await items.track_runs(claim, [mine(claim, "r3")])
    several = [replace(mine(claim, "r4"), number=1)]
    await items.save_next_start(claim, first(claim), several, None)
    assert await items.series([RunId("r4")])
    await items.save_stop(claim, first(claim), Reason.HEAD_MOVED, "It moved.", None)
    await items.stop(first(claim), Reason.CANCELLED)
    assert await items.is_stopped(first(claim))
    await items.add_pending_changes(claim, [change(claim)])
    await items.save_reply_attempt(claim)
    await items.withdraw_reply_attempt(claim)
    await items.save_mention_attempt(claim, START)
    await queue.release_failed(claim, 0.0)


async def follows(ledger: Ledger) -> None:
    queue, items = ledger.queue, ledger.items
    (claim,) = await queue.claim(10, 10)
    item = await items.load(claim.work_item_id)
    assert len(item.runs) == 4
    assert await items.known_run_ids([RUN, RunId("r1")]) == {RUN, "r1"}
    assert await items.tracked_runs_at(BUSY, SHA)
    assert await items.newest_run(BUSY, NUMBER)
    assert await items.find_run(RUN)
    assert await items.started_runs(BUSY, NUMBER, math.inf)
    await items.runs_resumed_lately(BUSY, NUMBER, 3600.0)
    await items.save_runs(claim, item.runs)
    assert await queue.count_followed()
    assert await items.known_runs([RUN, RunId("r1")])
    assert await items.home(RUN)
    budget = ledger.write_budget
    for _, kind in product(range(30), WriteKind):  # until some have to wait
        for work_item in (ITEM, claim.work_item_id):
            await budget.reserve_write("1", BUSY, work_item, kind, is_privileged=True)
    await budget.pause_writes("1", 60.0)
    later = await queue.now() + 1000.0
    runs = tuple(replace(run, next_poll_at=later) for run in item.runs)
    await queue.release(claim, 1000.0, Progress(runs=runs))
    assert await queue.wake(BUSY, SHA)
    await queue.wake_runs([RunId("r2")])
    await queue.reread_runs([RUN, RunId("r2")])
    await items.resume_tracking(item.runs[0].run, START, "alice")
    await queue.release_faulty(await claimed(ledger), 0.0)
    await queue.set_aside(await claimed(ledger))


async def fails(ledger: Ledger) -> None:
    """A run, and where else its failures were seen is looked for."""
    failed = JobFailure(
        run_id=RunId("r2"),
        job_id="j2",
        attempt=1,
        repo=RepoName(BUSY),
        sha=SHA,
        workflow="ci.yml",
        job="test",
        job_key="test",
        number=NUMBER,
        author=AUTHOR,
        org_id="org",
        fingerprint="f",
        signature="alike-200",
        repo_id=1,
    )
    await ledger.job_failures.save([failed])
    assert len(await ledger.job_failures.alike(BUSY, {"alike-200"}, {"f"})) > 1
    assert await ledger.job_failures.of_runs([RUN, RunId("r2")])
    await ledger.job_failures.save_passed([RUN, RunId("r2")])
    assert await ledger.job_failures.heads(BUSY, NUMBER, SHA)
    for repo in ("", BUSY):
        assert await ledger.job_failures.flaky(repo)


async def is_read(ledger: Ledger, status: StatusQueries) -> None:
    """By people, Prometheus and whoever asks for the bot's health."""
    await status.queue()
    await status.writes_left()
    assert await status.set_aside()
    last = CommandId(f"{ITEM}.1")
    for repo, reason, state in product(("", BUSY), ("", "hinted", "none"), (None, *State)):
        for before in (None, last):
            await status.page(Filter(repo, reason, state), 50, before)
    await ledger.queue.now()
    await ledger.queue.check()
    await ledger.queue.check_writing()


async def is_kept(ledger: Ledger) -> None:
    """What is done at the start and from time to time."""
    first_item = comment(1).work_item_id
    assert await ledger.queue.put_back(first_item) == 1
    await ledger.queue.set_aside(await claimed(ledger))
    assert await ledger.queue.put_back() == 1
    await ledger.queue.release_all()
    await ledger.queue.claim_periodic_job("old rows", 60.0)
    await ledger.redeliveries.looked_until()
    await ledger.redeliveries.save_looked_until(START)
    await ledger.redeliveries.save("old-10", 8, 2)
    assert await ledger.redeliveries.known(["old-10", "old-11"])
    before = await ledger.queue.now() - KEPT_SECONDS / 2
    assert await ledger.retention.delete_some(before) != Deleted(0, 0)
    await ledger.retention.give_space_back()
    one = replace(comment(4, repo=OTHER), repo_id=OTHER_ID)
    assert await ledger.inbox.accept(delivery("g4"), [one])
    await ledger.inbox.rename(OTHER_ID, RepoName("octo/renamed"), START + 1)
    assert await ledger.inbox.rename_some()
    await is_left(ledger)


async def is_left(ledger: Ledger) -> None:
    """A push to a pull request with many replies: some are due for a word more."""
    for guid, before in (("g5", SHA), ("g6", None)):
        pushed = head(guid, NEW, START + 2, NUMBER, BUSY, before=before)
        assert await ledger.inbox.accept_head(*pushed)


def mine(claim: Claim, run_id: str) -> TrackedRun:
    run = tracked(ANY)
    state = Run(RunId(run_id), "org", "queued")
    return replace(run, command_id=first(claim), run=state, sha=SHA, awaited_end="")
