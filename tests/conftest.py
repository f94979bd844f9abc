from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import islice
from pathlib import Path

import httpx
import pytest
import structlog
from hypothesis import settings

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub, generate_private_key
from bot.demo.stage import Stage
from bot.storage.database import Store
from bot.storage.ledger import Ledger
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock, bot_on
from tests.support.databases import Database
from tests.support.databases import postgresql_url as postgresql_url  # a fixture
from tests.support.ledgers import migrated
from tests.support.postgresql import server
from tests.support.statements import compile_once

HERE = Path(__file__).parent
RUN = pytest.StashKey[ExitStack]()

# Looking for garbage among what stays (thousands of tests, GitHub's descriptions) took a third of
# the time of collecting them, and a sixth of running them.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


# httpx asks with each request whether it runs under Trio: without this, Python looks for it in all
# its folders, in vain.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]


PROCESSES = 5
"""As many as `make test` has."""

LONG = (
    ("browser",),
    ("crash",),
    (
        "demo",
        "web/test_load.py",
        "web/test_login.py",
        "fuzz/test_loop_time.py",
        "web/test_waiting.py",
        "engine/test_polling_cost.py",
        "engine/test_turns.py",
        "ops/test_alerts.py",
        "hosts",
        "upgrade",
    ),
)
"""Where tests take long, most of them because they wait for real processes: each group is what one
process begins with, while the others have the processor."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """xdist begins with as many equal parts of the list; who is through his takes from others'."""

    @cache
    def group(path: Path) -> int | None:
        is_in = path.relative_to(HERE).is_relative_to
        found = (place for place, group in enumerate(LONG) if any(map(is_in, group)))
        return next(found, None)

    groups = {item: group(item.path) for item in items}
    short = iter([item for item in items if groups[item] is None])
    share = -(-len(items) // PROCESSES)
    items[:] = [
        item
        for place in range(PROCESSES)
        for long in [[item for item in items if groups[item] == place]]
        for item in (*long, *islice(short, max(0, share - len(long))))
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """One PostgreSQL server for all processes of the run: they find it in their environment."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        # What a shell starts in the background ignores Ctrl-C, and so would what tests start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        session.config.stash[RUN] = stack = ExitStack()
        stack.enter_context(server(is_quick=True))


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash.get(RUN, ExitStack()).close()


# The default shows all local variables, which takes seconds.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

compile_once()

# No test looks at the wall clock: on a busy machine a case may take any time.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def private_key() -> str:
    return generate_private_key()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sqlite(clock: ManualClock, tmp_path: Path) -> Database:
    return Database(migrated(tmp_path / "ledger.db"), clock)


@pytest.fixture
def postgresql(clock: ManualClock, postgresql_url: str) -> Database:
    database = Database(postgresql_url, clock)
    database.empty()
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each kind in turn."""
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    async with database.opened() as store:
        yield store


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger.on(store)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """What GitHub sends on it must be as GitHub describes it, whoever answers."""
    hook = Hook()
    yield hook
    hook.assert_kept()


@pytest.fixture
def stage(clock: ManualClock, private_key: str, hook: Hook) -> Stage:
    """A repository with two workflows, its people, and a pull request from its own branch."""
    stage = Stage(
        now=clock.now,
        private_key=private_key,
        hook_client=httpx.AsyncClient(transport=hook),
        jwt_now=time.time,  # gidgethub makes its JWTs by the machine's clock
    )
    github = stage.github
    github.repository(REPO, FILES, internal=True)
    for login, role in [
        ("ada", "admin"),
        ("maya", "maintain"),
        ("alice", "write"),
        ("trudy", "triage"),
        ("rita", "read"),
    ]:
        github.role(REPO, login, role)
    github.pull_request(REPO, "alice", files={"change.txt": "one\n"})
    clock.time += 60
    return stage


@pytest.fixture
def depot(stage: Stage) -> SimulatedDepot:
    return stage.depot


@pytest.fixture
def github(stage: Stage) -> SimulatedGitHub:
    return stage.github


@pytest.fixture
async def pr(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> AsyncIterator[Conversation]:
    """The pull request; the test ends by asserting that the bot said nothing else."""
    async with bot_on(stage, clock, hook, tmp_path / "ledger.db") as services:
        conversation = Conversation(clock, stage, services, REPO, 1)
        await conversation.settles()
        yield conversation
        conversation.assert_said_nothing_else()
