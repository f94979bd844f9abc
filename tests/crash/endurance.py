"""Trouble of many kinds on both stores, with real processes, counted.

    python -m tests.crash.endurance          the whole table, some minutes
    python -m tests.crash.endurance --short  a few rounds of each

What counts: a command whose run never came, a second run, a second reply.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Protocol

import httpx
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url
from starlette.responses import Response

from bot.core.clock import SystemClock
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.faults import Reply
from bot.demo.simulators.github import SimulatedGitHub, generate_private_key
from bot.demo.stage import Stage
from bot.messages.runs import following_given_up, run_disappeared
from bot.ops.logging_setup import set_up_logging
from bot.ops.settings import load
from bot.services import Surroundings, open_services, working
from tests.crash.harness import LOOK_SECONDS, PATIENCE_SECONDS, START, Bot, Point, Scene, scene
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock, bot_on
from tests.support.databases import new_database
from tests.support.postgresql import server

AT_ONCE = 8
"""Scenes that are played side by side: most of their time is spent waiting."""

COMMAND = "/depot run ci.yml job=test"


@dataclass(frozen=True, slots=True)
class Row:
    """What one kind of trouble came to."""

    trouble: str
    store: str
    commands: int
    lost: int
    double_runs: int
    double_replies: int
    note: str = ""
    wrong: str = ""
    """What else went wrong."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.double_runs or self.double_replies or self.wrong)

    def __str__(self) -> str:
        return (
            f"{self.trouble:<44} {self.store:<10} {self.commands:>8} {self.lost:>5} "
            f"{self.double_runs:>11} {self.double_replies:>14}  {self.note}{self.wrong}"
        )


HEADING = (
    f"{'trouble':<44} {'store':<10} {'commands':>8} {'lost':>5} {'double runs':>11} "
    f"{'double replies':>14}"
)


class World(Protocol):
    """What is counted."""

    @property
    def github(self) -> SimulatedGitHub: ...

    @property
    def depot(self) -> SimulatedDepot: ...


Repositories = Sequence[str]
"""Each with pull requests of the same numbers."""

ONE: Repositories = (REPO,)


def count(
    one: World, trouble: str, store: str, numbers: range, note: str = "", repos: Repositories = ONE
) -> Row:
    """Look at each pull request on which one command was given."""
    lost = double_runs = double_replies = 0
    for repo, number in product(repos, numbers):
        head = one.github.pull(repo, number).head_sha
        runs = [run for run in one.depot.runs if run.sha == head]
        replies = _replies(one, number, repo)
        lost += not runs or not replies or "✅ passed" not in replies[-1]
        double_runs += len(runs) > 1
        double_replies += len(replies) > 1
    commands = len(repos) * len(numbers)
    return Row(trouble, store, commands, lost, double_runs, double_replies, note)


def _replies(one: World, number: int, repo: str = REPO) -> list[str]:
    comments = one.github.comments(repo, number)
    return [comment.body for comment in comments if comment.author.login == "depot-bot[bot]"]


def _all_started(one: Scene, numbers: range, repos: Repositories = ONE) -> bool:
    begun = {run.sha for run in one.depot.runs}
    return all(one.github.pull(*which).head_sha in begun for which in product(repos, numbers))


async def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS + 40
    while not happened():
        assert time.monotonic() < deadline, f"{what}: it did not happen"
        await asyncio.sleep(LOOK_SECONDS)


def all_finished(one: Scene, numbers: range, repos: Repositories = ONE) -> Callable[[], bool]:
    return lambda: all(
        any("✅ passed" in reply for reply in _replies(one, number, repo))
        for repo, number in product(repos, numbers)
    )


async def says(one: Scene, bot: Bot, numbers: range, repos: Repositories = ONE) -> None:
    for repo, number in product(repos, numbers):
        one.github.comment(repo, number, "alice", COMMAND)
    await one.github.deliver(f"{bot.url}/webhook")


# --- the kinds of trouble ------------------------------------------------------------------------


async def killed_at_requests(place: Place, rounds: int) -> Row:
    """Killed before and after each of its requests, or at so many of them, and started again."""
    with place.another() as quiet:
        async with quiet.scene() as one:
            await one.plays()
            one.assert_all_is_well()
            seen = list(one.executioner.seen)
    points = [replace(point, after=after) for point in seen for after in (False, True)]
    assert {START, "POST ListRuns", "POST GetRunStatus"} <= {point.request for point in points}
    step = max(1, len(points) // rounds) if rounds else 1
    rows = await die_at(points[::step], place)
    return Row(
        "kill -9 before and after each request",
        place.store,
        len(rows),
        sum(row.lost for row in rows),
        sum(row.double_runs for row in rows),
        sum(row.double_replies for row in rows),
        wrong="; ".join(f"{row.trouble}: {row.wrong}" for row in rows if row.wrong),
    )


async def die_at(points: Sequence[Point], place: Place) -> list[Row]:
    """Play a scene for each point."""
    room = asyncio.Semaphore(AT_ONCE)

    async def play_at(point: Point) -> Row:
        async with room:
            with place.another() as here:
                async with here.scene(point.__eq__) as one:
                    wrong = ""
                    try:
                        await one.plays()
                        one.assert_all_is_well()
                        assert one.executioner.died == [point] or is_optional(point)
                    except AssertionError as error:
                        wrong = str(error) or "not all is well"
                    row = count(one, str(point), here.store, range(1, 2))
                    return replace(row, wrong=wrong)

    # The one that has to wait for a doubt to end goes first.
    points = sorted(points, key=lambda point: point != Point(START, 0, after=False))
    return await asyncio.gather(*(play_at(point) for point in points))


def is_optional(point: Point) -> bool:
    """Whether a request is not made in each conversation: how often a run is looked at depends on
    the time that things take."""
    return point.request == "POST GetRunStatus" and point.nth > 0


async def dead_for_good(place: Place, rounds: int) -> Row:
    """Two workers; the one that took the commands is killed and does not come back."""

    def in_the_middle(point: Point) -> bool:
        return point.after and point.request == "POST Run" and point.nth == rounds // 2

    numbers = range(1, rounds + 1)
    async with place.scene(in_the_middle, pull_requests=rounds) as one:
        async with one.bot() as second, one.bot() as first:
            await says(one, first, numbers)
            await first.process.wait()
            died = time.monotonic()
            await redelivers(one, second)
            await until(lambda: _all_started(one, numbers), "all are started")
            note = f"all started {time.monotonic() - died:.0f} s after the death"
            await until(all_finished(one, numbers), "all are finished")
            assert not second.is_dead
        return count(one, "one of two workers killed for good", place.store, numbers, note)


async def told_to_stop(place: Place, rounds: int) -> Row:
    """SIGTERM at ever other moments of its work, then a new start. A command comes every fourth
    time: more would be beyond what GitHub lets one App write in an hour."""
    numbers = range(1, rounds // 4 + 1)
    async with place.scene(pull_requests=len(numbers)) as one:
        for turn in range(rounds):
            async with one.bot() as bot:
                if turn % 4 == 0:
                    await says(one, bot, range(turn // 4 + 1, turn // 4 + 2))
                await asyncio.sleep(turn * 37 % 100 / 250)
                bot.process.send_signal(signal.SIGTERM)
                assert await bot.process.wait() == 0, bot.log.read_text()
        async with one.bot():
            await until(all_finished(one, numbers), "all are finished")
        return count(one, f"SIGTERM at work, {rounds} times", place.store, numbers)


async def database_away(place: Place, rounds: int) -> Row:
    """The database refuses everything for some seconds, in the middle of work."""
    numbers = range(1, rounds + 1)
    async with place.scene(pull_requests=rounds) as one, one.bot() as bot:
        half = range(1, rounds // 2 + 1)
        await says(one, bot, half)
        await asyncio.sleep(0.2)
        with _refusing(place.database_url):
            await says(one, bot, range(rounds // 2 + 1, rounds + 1))
            await asyncio.sleep(3.0)
        refused = await redelivers(one, bot)
        await until(all_finished(one, numbers), "all are finished")
        assert not bot.is_dead
        note = f"{refused} deliveries answered 503 and sent again"
        return count(one, "PostgreSQL away for 3 s", place.store, numbers, note)


async def redelivers(one: Scene, bot: Bot) -> int:
    """What the sweep asks GitHub for: deliveries that failed are sent again."""
    failed = [outcome.delivery for outcome in one.github.delivery_log if not outcome.ok]
    one.github.hooks.url = f"{bot.url}/webhook"
    for delivery in failed:
        assert (await one.github.redeliver(delivery)).ok
    return len(failed)


class _refusing:
    """PostgreSQL lets nobody into one database, and throws out who is in."""

    def __init__(self, url: str | None) -> None:
        assert url is not None
        self._server = str(make_url(url).set(database="postgres").render_as_string(False))
        self._name = str(make_url(url).database)

    def __enter__(self) -> None:
        self._allow(False)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (self._name,),
            )

    def __exit__(self, *_: object) -> None:
        self._allow(True)

    def _allow(self, is_allowed: bool) -> None:
        change = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(
            sql.Identifier(self._name), sql.Literal(is_allowed)
        )
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(change)


async def zombie(place: Place, rounds: int) -> Row:
    """A worker stands still when Depot has started its run, for longer than its lease; another
    goes on; then it wakes up in the middle of its step."""
    numbers = range(1, 2)
    async with place.scene() as one, one.bot() as first:
        one.depot.faults.arrange(Freeze(first.process.pid), "Run")
        await says(one, first, numbers)
        await until(lambda: bool(one.depot.runs), "it starts a run")
        async with one.bot():
            await until(all_finished(one, numbers), "the other goes on")
            os.kill(first.process.pid, signal.SIGCONT)
            await until(lambda: "lease_lost" in first.log.read_text(), "it finds out")
        note = "its late write was refused"
        return count(one, "a worker asleep beyond its lease wakes up", place.store, numbers, note)


@dataclass(frozen=True, slots=True)
class Freeze:
    """Depot does its work, and before it answers the caller stands still."""

    pid: int

    async def answer(self, work: Callable[[], Reply]) -> Response:
        reply = work()
        os.kill(self.pid, signal.SIGSTOP)
        return reply.response()


async def clocks_apart(place: Place, rounds: int) -> Row:
    """Two workers on one ledger whose clocks are ten minutes apart."""
    numbers = range(1, rounds + 1)
    async with place.scene(pull_requests=rounds) as one, AsyncExitStack() as stack:
        settings = load(one.environment)
        for skew in (300.0, -300.0):
            around = Surroundings(clock=Skewed(skew))
            services = await stack.enter_async_context(open_services(settings, around))
            await stack.enter_async_context(working(services))
        async with one.bot() as bot:
            await says(one, bot, numbers)
            await until(all_finished(one, numbers), "all are finished")
        return count(one, "clocks ten minutes apart", place.store, numbers)


async def token_rotated(place: Place, rounds: int) -> Row:
    """Depot takes no token for some seconds, while runs are followed and commands come in."""
    return await _through(
        place, rounds, "no token is taken for 20 s", lambda one: one.depot.faults.revoke_token()
    )


async def proxy_page(place: Place, rounds: int) -> Row:
    """Every request to GitHub and Depot is answered with a proxy's page."""

    def begins(one: Scene) -> object:
        one.depot.faults.html(None, 404, times=None)
        page = "<html><body>Sign in</body></html>"
        headers = {"content-type": "text/html"}
        return one.github.faults.answer("*", "", 200, page, headers, times=None)

    return await _through(place, rounds, "a proxy's page for a minute", begins, seconds=60.0)


async def _through(
    place: Place,
    rounds: int,
    trouble: str,
    begins: Callable[[Scene], object],
    seconds: float = 20.0,
) -> Row:
    """Half of the commands are given before the trouble, half in the midst of it."""
    numbers = range(1, rounds + 1)
    half = range(1, rounds // 2 + 1)
    async with place.scene(pull_requests=rounds) as one, one.bot() as bot:
        one.depot.plan(seconds=5.0)
        await says(one, bot, half)
        await until(lambda: _all_started(one, half), "half are started")
        begins(one)
        await says(one, bot, range(rounds // 2 + 1, rounds + 1))
        await asyncio.sleep(seconds)
        one.depot.faults.lift()
        one.github.faults.lift()
        await until(all_finished(one, numbers), "all are finished")
        assert not bot.is_dead
        row = count(one, trouble, place.store, numbers)
        return replace(row, wrong=_false_words(one, numbers))


def _false_words(one: Scene, numbers: range, repos: Repositories = ONE) -> str:
    """What was said of a run that was not true: it went on all the time."""
    versions = [
        version.body
        for which in product(repos, numbers)
        for comment in one.github.comments(*which)
        for version in comment.versions
    ]
    false = [words for words in (run_disappeared(), following_given_up()) if words in str(versions)]
    return "; ".join(false)


async def depot_hangs(place: Place, rounds: int) -> Row:
    """Depot takes connections and answers none, while runs are followed; somebody asks for help.

    The runs are those of several owners: GitHub lets the App write so often in each installation.
    """
    owners = 5
    repos, numbers = [f"octo-{owner}/hello" for owner in range(owners)], range(1, rounds + 1)
    every = [*repos, REPO]
    async with place.scene(repositories=every, pull_requests=rounds) as one, one.bot() as bot:
        one.depot.plan(seconds=60.0)
        await says(one, bot, numbers, repos)
        await until(lambda: _all_started(one, numbers, repos), "all are started")
        let_go = asyncio.Event()
        for method in ("ListRuns", "GetRunStatus"):
            one.depot.faults.late(method, until=let_go, times=None)
        await asyncio.sleep(5.0)
        one.github.comment(REPO, 1, "alice", "/depot help")
        asked = time.monotonic()
        await one.github.deliver(f"{bot.url}/webhook")
        await until(lambda: bool(_replies(one, 1)), "help is answered")
        note = f"help is answered after {time.monotonic() - asked:.1f} s"
        is_followed = not any(run.status == "finished" for run in one.depot.runs)
        one.depot.faults.lift()
        let_go.set()
        await until(all_finished(one, numbers, repos), "all are finished")
        trouble = f"Depot hangs, {len(repos) * rounds} runs followed"
        row = count(one, trouble, place.store, numbers, note, repos)
        wrong = "" if is_followed else "some were over too soon"
        return replace(row, wrong=wrong or _false_words(one, numbers, repos))


async def repository_renamed(place: Place, rounds: int) -> Row:
    """The repository gets another name while its runs are followed."""
    numbers = range(1, rounds + 1)
    async with place.scene(pull_requests=rounds) as one, one.bot() as bot:
        one.depot.plan(seconds=5.0)
        await says(one, bot, numbers)
        await until(lambda: _all_started(one, numbers), "all are started")
        one.github.rename(REPO, "bonjour")
        await until(all_finished(one, numbers), "all are finished")
        return count(one, "the repository is renamed", place.store, numbers)


async def locked_for_a_day(place: Place, rounds: int) -> Row:
    """The conversations are locked for 23 hours, by a clock that is moved."""
    clock, hook, numbers = ManualClock(), Hook(), range(1, rounds + 1)
    client = httpx.AsyncClient(transport=hook)
    stage = Stage(
        now=clock.now, private_key=place.private_key, hook_client=client, jwt_now=time.time
    )
    stage.github.repository(REPO, FILES, internal=True)
    stage.github.role(REPO, "alice", "write")
    for number in numbers:
        files = {"change.txt": f"{number}\n"}
        stage.github.pull_request(REPO, "alice", branch=f"change-{number}", files=files)
    async with client, bot_on(stage, clock, hook, place.folder / "ledger.db") as services:
        one = Conversation(clock, stage, services, REPO, 1)
        await one.passes(60.0)
        for number in numbers:
            one.github.lock(REPO, number)
            one.github.comment(REPO, number, "alice", COMMAND)
        await one.settles()
        await one.passes(23 * 3600.0)
        tries = sum(request.path.endswith("/comments") for request in one.github.requests)
        for number in numbers:
            one.github.unlock(REPO, number)
        await one.passes(3700.0)
    note = f"{tries / rounds:.0f} tries each"
    return count(one, "locked for 23 hours of a moved clock", place.store, numbers, note)


class Skewed(SystemClock):
    def __init__(self, by: float) -> None:
        self._by = by

    def now(self) -> float:
        return super().now() + self._by


# --- where it is played --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, a key and a store for one kind of trouble."""

    folder: Path
    private_key: str
    database_url: str | None = None
    is_forked: bool = True
    """Whether the bot is forked, or its command line run."""

    @property
    def store(self) -> str:
        return "postgresql" if self.database_url else "sqlite"

    @contextmanager
    def another(self) -> Iterator[Place]:
        """A place of the same kind, with a folder and a database of its own."""
        with (
            tempfile.TemporaryDirectory(dir=self.folder) as folder,
            new_database() if self.database_url else nullcontext(None) as url,
        ):
            yield replace(self, folder=Path(folder), database_url=url)

    @asynccontextmanager
    async def scene(
        self,
        points: Callable[[Point], bool] = lambda _: False,
        *,
        repositories: Repositories = ONE,
        pull_requests: int = 1,
    ) -> AsyncIterator[Scene]:
        async with scene(
            self.folder,
            self.private_key,
            points,
            database_url=self.database_url,
            repositories=repositories,
            pull_requests=pull_requests,
            is_forked=self.is_forked,
        ) as one:
            yield one


Trouble = Callable[[Place, int], Awaitable[Row]]

TROUBLES: tuple[tuple[Trouble, str, int, int | None], ...] = (
    (killed_at_requests, "sqlite", 0, None),
    (killed_at_requests, "postgresql", 0, 4),
    (told_to_stop, "sqlite", 200, 4),
    (told_to_stop, "postgresql", 200, 4),
    (dead_for_good, "postgresql", 20, 6),
    (zombie, "postgresql", 1, 1),
    (database_away, "postgresql", 10, 4),
    (clocks_apart, "postgresql", 10, 4),
    (token_rotated, "sqlite", 10, None),
    (proxy_page, "sqlite", 10, None),
    (proxy_page, "postgresql", 10, None),
    (depot_hangs, "sqlite", 20, None),
    (repository_renamed, "sqlite", 10, 4),
    (repository_renamed, "postgresql", 10, None),
    (locked_for_a_day, "sqlite", 10, 2),
)
"""Each with its store, and its rounds, in full (0: as many as there are) and in short (None: not
played)."""


async def play(
    trouble: Trouble,
    store: str,
    rounds: int,
    private_key: str,
    folder: Path,
    *,
    is_forked: bool = True,
) -> Row:
    with new_database() if store == "postgresql" else nullcontext(None) as url:
        return await trouble(Place(folder, private_key, url, is_forked), rounds)


def main() -> int:
    is_short = "--short" in sys.argv
    key = generate_private_key()
    set_up_logging("error", "console")  # the bots of two clocks run in this process
    print(HEADING, flush=True)
    rows = []
    with server(is_quick=False):
        for trouble, store, full, short in TROUBLES:
            rounds = short if is_short else full
            if rounds is None:
                continue
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                one = play(trouble, store, rounds, key, place, is_forked=is_short)
                rows.append(asyncio.run(one))
                print(rows[-1], flush=True)
    return 0 if all(row.is_clean for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
