"""The worker: what is due is done, by one at a time, again after a failure, and stops cleanly.

Time is the event loop's own, which skips every wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.core.backoff import FAULTY_STEP
from bot.core.clock import AdjustedClock
from bot.core.deliveries import Delivery
from bot.core.events import Actor, CommandLine, Comment, Source
from bot.core.models import Claim
from bot.core.reasons import Reason
from bot.core.types import RepoName, WorkItemId
from bot.engine.worker import (
    COMMAND_SLOTS,
    KEEP_TIME_EVERY,
    MAX_FAULTS,
    POLL_SECONDS,
    POLL_SLOTS,
    SLOW_SECONDS,
    SLOW_STEPS,
    STOP_SECONDS,
    Worker,
    keep_time,
    look_often,
    repeat,
)
from bot.storage.connect import open_store
from bot.storage.database import LedgerUnavailable, Store
from bot.storage.ledger import Ledger
from bot.storage.part import LeaseLost
from bot.storage.queue import LEASE_SECONDS, Queue
from tests.support.conversation import START, ManualClock
from tests.support.databases import Halt
from tests.support.ledgers import migrated
from tests.support.loops import LoopClock, SkippingLoop, skipping_loop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": SkippingLoop}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    url = migrated(tmp_path / "ledger.db")
    store = await open_store(url, LoopClock(), waits_for_disk=False)
    loop = skipping_loop()
    loop.is_busy = lambda: bool(store._running)
    yield store
    loop.is_busy = lambda: False
    await store.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger.on(store)


@pytest.fixture(autouse=True)
async def no_complaints() -> AsyncIterator[None]:
    """No task ends in an exception that nobody looks at."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield
    # Complaints come when a task is thrown away.
    await asyncio.sleep(0)
    assert complaints == []


def now() -> float:
    """Seconds since the test began."""
    return skipping_loop().time()


async def accepted(ledger: Ledger, *numbers: int) -> None:
    """A comment under each of these pull requests."""
    for number in numbers:
        comment = Comment(
            source=Source.ISSUE_COMMENT,
            repo=RepoName("octo/hello"),
            number=number,
            comment_id=number,
            author=Actor("alice"),
            written_at=START,
            url="",
            lines=(CommandLine("run"),),
        )
        assert await ledger.inbox.accept(Delivery("h1", f"g{number}", "issue_comment"), [comment])


@dataclass
class Steps:
    """What a worker was told to do, and when."""

    ledger: Ledger
    does: Callable[[Claim], Awaitable[None]]
    begun: list[tuple[float, str]] = field(default_factory=list)
    ended: list[tuple[float, str]] = field(default_factory=list)

    async def step(self, claim: Claim) -> None:
        self.begun.append((now(), claim.work_item_id))
        await self.does(claim)
        self.ended.append((now(), claim.work_item_id))


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(worker.run())
    yield task
    worker.stop()
    await task


def done(ledger: Ledger) -> Callable[[Claim], Awaitable[None]]:
    """A step after which nothing is left to do."""

    async def step(claim: Claim) -> None:
        await ledger.queue.release(claim, None)

    return step


@contextmanager
def logged() -> Iterator[list[str]]:
    """What is logged as a warning or worse."""
    events: list[str] = []
    with capture_logs() as logs:
        yield events
        events += [log["event"] for log in logs if log["log_level"] in {"warning", "error"}]


# --- what is due ---------------------------------------------------------------------------------


async def test_what_is_there_at_the_start_is_done(ledger: Ledger) -> None:
    await accepted(ledger, 1, 2)
    steps = Steps(ledger, done(ledger))
    async with working(Worker(ledger.queue, steps.step)):
        await asyncio.sleep(0.001)
    assert sorted(steps.ended) == [(0.0, "ic-1"), (0.0, "ic-2")]


async def test_a_woken_worker_looks_at_once(ledger: Ledger) -> None:
    steps = Steps(ledger, done(ledger))
    worker = Worker(ledger.queue, steps.step)
    async with working(worker):
        await asyncio.sleep(1)
        await accepted(ledger, 1)
        worker.wake()
        await asyncio.sleep(1)
    assert steps.ended == [(1.0, "ic-1")]


async def test_a_word_that_comes_during_the_look_is_not_lost(ledger: Ledger) -> None:
    steps = Steps(ledger, done(ledger))
    worker = Worker(ledger.queue, steps.step)
    async with working(worker):
        # The worker is in the middle of its first look, which finds nothing yet.
        await asyncio.sleep(0)
        worker.wake()
        await accepted(ledger, 1)
        worker.wake()
        await asyncio.sleep(1)
    assert steps.ended == [(0.0, "ic-1")]


async def test_what_nobody_told_of_is_found(ledger: Ledger) -> None:
    steps = Steps(ledger, done(ledger))
    async with working(Worker(ledger.queue, steps.step)):
        await asyncio.sleep(1)
        await accepted(ledger, 1)
        await asyncio.sleep(20)
    assert steps.ended == [(POLL_SECONDS, "ic-1")]


async def test_a_step_is_done_when_it_is_due(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    delays = iter([0.0, 2.0, 30.0, None])

    async def step(claim: Claim) -> None:
        await ledger.queue.release(claim, next(delays))

    steps = Steps(ledger, step)
    async with working(Worker(ledger.queue, steps.step)):
        await asyncio.sleep(100)
    assert [at for at, _ in steps.begun] == pytest.approx([0.0, 0.0, 2.0, 32.0], abs=0.02)
    assert next(delays, "none") == "none"


async def test_no_more_at_once_than_there_is_room_for(ledger: Ledger) -> None:
    await accepted(ledger, *range(1, COMMAND_SLOTS + 9))
    let_go = asyncio.Event()

    async def step(claim: Claim) -> None:
        await let_go.wait()
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    async with working(Worker(ledger.queue, steps.step)):
        await asyncio.sleep(1)
        assert len(steps.begun) == COMMAND_SLOTS
        let_go.set()
        await asyncio.sleep(1)
    # The longest due went first; each was done once.
    assert sorted(request_id for _, request_id in steps.ended) == sorted(
        f"ic-{number}" for number in range(1, COMMAND_SLOTS + 9)
    )


async def test_a_new_command_does_not_wait_behind_polls(ledger: Ledger) -> None:
    """As when Depot takes connections and never answers: every slot for polls is taken."""
    numbers = range(1, POLL_SLOTS + 9)
    await accepted(ledger, *numbers)
    for claim in await ledger.queue.claim(len(numbers), len(numbers)):
        item = await ledger.items.load(claim.work_item_id)
        await ledger.items.save_decision(claim, item.commands[0].command_id, Reason.ANSWERED, "")
        await ledger.queue.release(claim, 0.0)
    let_go = asyncio.Event()
    polled: list[WorkItemId] = []
    commanded: list[WorkItemId] = []

    async def step(claim: Claim) -> None:
        (polled if claim.is_poll else commanded).append(claim.work_item_id)
        if claim.is_poll:
            await let_go.wait()
        await ledger.queue.release(claim, None)

    worker = Worker(ledger.queue, step)
    async with working(worker):
        await asyncio.sleep(1)
        assert (len(polled), commanded) == (POLL_SLOTS, [])
        await accepted(ledger, 1000)
        worker.wake()
        await asyncio.sleep(1)
        assert commanded == ["ic-1000"]
        let_go.set()
        await asyncio.sleep(1)
    assert len(polled) == len(numbers)


async def test_room_that_comes_free_is_used_at_once(ledger: Ledger) -> None:
    await accepted(ledger, *range(1, COMMAND_SLOTS + 2))

    async def step(claim: Claim) -> None:
        await asyncio.sleep(SLOW_SECONDS / 2)
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    async with working(Worker(ledger.queue, steps.step)):
        await asyncio.sleep(10)
    assert steps.begun[-1][0] == pytest.approx(SLOW_SECONDS / 2, abs=0.02)
    assert len(steps.ended) == COMMAND_SLOTS + 1


async def test_steps_that_wait_for_a_service_that_hangs_make_room(ledger: Ledger) -> None:
    many = COMMAND_SLOTS + SLOW_STEPS + 20
    await accepted(ledger, *range(1, many + 1))
    let_go = asyncio.Event()

    async def step(claim: Claim) -> None:
        await let_go.wait()
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    worker = Worker(ledger.queue, steps.step)
    async with working(worker):
        await asyncio.sleep(SLOW_SECONDS / 2)
        assert len(steps.begun) == COMMAND_SLOTS
        await asyncio.sleep(SLOW_SECONDS)
        assert len(steps.begun) == 2 * COMMAND_SLOTS
        await asyncio.sleep(SLOW_SECONDS * 20)
        assert len(steps.begun) == COMMAND_SLOTS + SLOW_STEPS  # not without bound
        let_go.set()
        await asyncio.sleep(SLOW_SECONDS)
    assert len(steps.ended) == many


async def test_draining_does_what_comes_up_and_leaves_what_is_to_come(ledger: Ledger) -> None:
    await accepted(ledger, 1)

    async def step(claim: Claim) -> None:
        if claim.work_item_id == "ic-1":
            await accepted(ledger, 2)
            await ledger.queue.release(claim, 5.0)
        else:
            await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    await Worker(ledger.queue, steps.step).drain()
    assert steps.ended == [(0.0, "ic-1"), (0.0, "ic-2")]
    assert await ledger.queue.until_due() == 5.0
    assert now() == 0.0


# --- trouble -------------------------------------------------------------------------------------


async def test_a_failing_step_is_done_again_later(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    tries = iter([KeyError("one"), RuntimeError("two"), None])

    async def step(claim: Claim) -> None:
        if (error := next(tries)) is not None:
            raise error
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    with logged() as events:
        async with working(Worker(ledger.queue, steps.step)):
            await asyncio.sleep(FAULTY_STEP.first / 2)
            got = await ledger.items.load(WorkItemId("ic-1"))
            assert (got.failures, got.failing_since) == (1, START)
            await asyncio.sleep(1000)
    assert events == ["step_failed", "step_failed"]
    begun = [at for at, _ in steps.begun]
    first, second = FAULTY_STEP.pause(0), FAULTY_STEP.pause(1)
    assert begun == pytest.approx([0.0, first, first + second], abs=0.05)
    assert len(steps.ended) == 1


async def test_what_fails_again_and_again_is_set_aside(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    tries = 0
    is_mended = False

    async def step(claim: Claim) -> None:
        nonlocal tries
        tries += 1
        if not is_mended:
            raise KeyError("for good")
        await ledger.queue.release(claim, None)

    worker = Worker(ledger.queue, step)
    with logged() as events:
        async with working(worker):
            await asyncio.sleep(3600)
            assert tries == MAX_FAULTS
            assert await ledger.queue.put_back(WorkItemId("ic-2")) == 0
            assert await ledger.queue.put_back(WorkItemId("ic-1")) == 1
            is_mended = True
            await asyncio.sleep(10)
    assert tries == MAX_FAULTS + 1
    assert events == ["step_failed"] * MAX_FAULTS + ["work_item_set_aside"]
    assert await ledger.queue.put_back() == 0


async def test_a_step_that_works_starts_the_count_anew(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    tries = 0

    async def step(claim: Claim) -> None:
        nonlocal tries
        tries += 1
        if tries % MAX_FAULTS:
            raise KeyError("now and then")
        await ledger.queue.release(claim, None if tries == 3 * MAX_FAULTS else 1.0)

    with logged() as events:
        async with working(Worker(ledger.queue, step)):
            await asyncio.sleep(3600)
    assert tries == 3 * MAX_FAULTS
    assert set(events) == {"step_failed"}


async def test_a_failing_step_stops_no_other(ledger: Ledger) -> None:
    await accepted(ledger, 1, 2)

    async def step(claim: Claim) -> None:
        if claim.work_item_id == "ic-1":
            raise KeyError("on purpose")
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    with logged():
        async with working(Worker(ledger.queue, steps.step)):
            await asyncio.sleep(1)
    assert steps.ended == [(0.0, "ic-2")]


async def test_a_worker_that_was_taken_over_leaves_it_at_that(ledger: Ledger) -> None:
    await accepted(ledger, 1)

    async def step(claim: Claim) -> None:
        await ledger.queue.release_all()
        (taken,) = await ledger.queue.claim(1, 1)
        assert taken.fencing_token > claim.fencing_token
        await ledger.items.save_reply_attempt(claim)

    steps = Steps(ledger, step)
    with logged() as events:
        await Worker(ledger.queue, steps.step).drain()
    assert events == ["lease_lost"]
    got = await ledger.items.load(WorkItemId("ic-1"))
    assert (got.failures, got.reply.attempted) == (0, False)


async def test_a_step_that_cannot_store_is_done_again_when_its_lease_ends(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    tries = iter([LedgerUnavailable("full"), None])

    async def step(claim: Claim) -> None:
        if (error := next(tries)) is not None:
            raise error
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    with logged() as events:
        async with working(Worker(ledger.queue, steps.step)):
            await asyncio.sleep(100)
    assert events == ["ledger_unavailable"]
    assert [at for at, _ in steps.begun] == pytest.approx([0.0, LEASE_SECONDS], abs=0.05)
    assert len(steps.ended) == 1


@pytest.mark.parametrize("error", [LeaseLost, LedgerUnavailable])
async def test_a_failure_that_cannot_be_stored_is_logged(
    error: type[Exception], store: Store
) -> None:
    class Failing(Queue):
        async def release_faulty(self, claim: Claim, delay: float) -> None:
            raise error("on purpose")

    ledger = replace(Ledger.on(store), queue=Failing(store))
    await accepted(ledger, 1)

    async def step(claim: Claim) -> None:
        raise KeyError("on purpose")

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    with logged() as events:
        await Worker(ledger.queue, step).drain()
        await asyncio.sleep(0)
    assert complaints == []
    assert len(events) == 2


async def rename(store: Store, table: str, to: str) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(sa.text(f"alter table {table} rename to {to}"))

    await store.transact(work)


async def test_a_ledger_that_fails_for_a_while(ledger: Ledger, store: Store) -> None:
    steps = Steps(ledger, done(ledger))
    worker = Worker(ledger.queue, steps.step)
    await accepted(ledger, 1)
    await rename(store, "work_items", "elsewhere")
    with logged() as events:
        async with working(worker):
            await asyncio.sleep(2.5)
            await rename(store, "elsewhere", "work_items")
            await asyncio.sleep(10)
    assert events == ["ledger_unavailable"] * 3
    assert steps.ended == [(3.0, "ic-1")]


# --- leases --------------------------------------------------------------------------------------


async def test_a_long_step_keeps_its_lease(ledger: Ledger) -> None:
    await accepted(ledger, 1)

    async def step(claim: Claim) -> None:
        await asyncio.sleep(10 * LEASE_SECONDS)
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    async with working(Worker(ledger.queue, steps.step)), working(Worker(ledger.queue, steps.step)):
        await asyncio.sleep(20 * LEASE_SECONDS)
    assert steps.begun == [(0.0, "ic-1")]
    ((ended, _),) = steps.ended
    assert ended == pytest.approx(10 * LEASE_SECONDS)


async def test_what_a_dead_worker_held_goes_on(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    (dead,) = await ledger.queue.claim(1, 1)
    steps = Steps(ledger, done(ledger))
    async with working(Worker(ledger.queue, steps.step)):
        await asyncio.sleep(3 * LEASE_SECONDS)
    ((at, request_id),) = steps.ended
    assert request_id == dead.work_item_id
    assert at == pytest.approx(LEASE_SECONDS, abs=0.05)


async def test_nothing_is_renewed_once_the_step_is_over(ledger: Ledger) -> None:
    await accepted(ledger, 1)

    async def step(claim: Claim) -> None:
        raise LedgerUnavailable("on purpose")

    with logged():
        await Worker(ledger.queue, step).drain()
        await asyncio.sleep(LEASE_SECONDS)
    assert len(await ledger.queue.claim(1, 1)) == 1


async def test_a_lease_that_was_lost_is_no_longer_renewed(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    mine: list[Claim] = []
    others: list[Claim] = []

    async def step(claim: Claim) -> None:
        mine.append(claim)
        if others:
            return await ledger.queue.release(claim, None)
        await ledger.queue.release_all()
        others.extend(await ledger.queue.claim(1, 1))
        await asyncio.sleep(3 * LEASE_SECONDS)

    await Worker(ledger.queue, step).drain()
    # The other's lease is its own to renew: nobody did, and so it ended meanwhile.
    assert [claim.fencing_token for claim in mine] == [1, 3]
    assert [claim.fencing_token for claim in others] == [2]


# --- stopping ------------------------------------------------------------------------------------


async def test_stopping_lets_steps_end_and_starts_none(ledger: Ledger) -> None:
    await accepted(ledger, 1)

    async def step(claim: Claim) -> None:
        await asyncio.sleep(STOP_SECONDS - 1)
        await ledger.queue.release(claim, None)

    steps = Steps(ledger, step)
    worker = Worker(ledger.queue, steps.step)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.5)
    await accepted(ledger, 2)
    worker.stop()
    await running
    assert steps.ended == [(STOP_SECONDS - 1, "ic-1")]
    assert now() == STOP_SECONDS - 1
    assert [claim.work_item_id for claim in await ledger.queue.claim(10, 10)] == ["ic-2"]


async def test_stopping_cuts_what_does_not_end(ledger: Ledger) -> None:
    await accepted(ledger, 1, 2)
    cut: list[str] = []

    async def step(claim: Claim) -> None:
        await ledger.items.save_reply_attempt(claim)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.append(claim.work_item_id)
            raise

    worker = Worker(ledger.queue, step)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(1)
    worker.stop()
    await running
    assert now() == 1 + STOP_SECONDS
    assert sorted(cut) == ["ic-1", "ic-2"]
    # What was stored is stored; the rest goes on after the next start.
    await ledger.queue.release_all()
    assert len(await ledger.queue.claim(10, 10)) == 2
    for number in (1, 2):
        assert (await ledger.items.load(WorkItemId(f"ic-{number}"))).reply.attempted


async def test_what_is_being_stored_when_it_is_cut_is_stored(ledger: Ledger, store: Store) -> None:
    await accepted(ledger, 1)
    halt = Halt()

    async def step(claim: Claim) -> None:
        def work(db: sa.Connection) -> None:
            db.execute(sa.text("update work_items set reply_text = 'half'"))
            halt.stand(db)
            db.execute(sa.text("update work_items set reply_text = reply_text || ' and half'"))

        await asyncio.sleep(1)  # the worker has seen that there is nothing else, and sleeps
        await store.transact(work)

    worker = Worker(ledger.queue, step)
    running = asyncio.create_task(worker.run())
    await halt.reached.wait()
    worker.stop()
    # The store is not what keeps the loop busy here: it waits for us.
    skipping_loop().is_busy = lambda: False
    await running
    halt.let_go.set()
    assert (await ledger.items.load(WorkItemId("ic-1"))).reply.text == "half and half"


async def test_a_worker_that_is_idle_stops_at_once(ledger: Ledger) -> None:
    worker = Worker(ledger.queue, done(ledger))
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(1)
    worker.stop()
    await running
    assert now() == 1.0


async def test_a_worker_stopped_before_it_began_does_nothing(ledger: Ledger) -> None:
    await accepted(ledger, 1)
    steps = Steps(ledger, done(ledger))
    worker = Worker(ledger.queue, steps.step)
    worker.stop()
    await worker.run()
    assert steps.begun == []


# --- now and then --------------------------------------------------------------------------------


@asynccontextmanager
async def repeating(*jobs: Callable[[], Awaitable[None]], ledger: Ledger) -> AsyncIterator[None]:
    """The same job in several processes."""
    tasks = [asyncio.create_task(repeat(ledger.queue, "sweep", 300.0, job)) for job in jobs]
    yield
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * len(tasks)


async def test_a_job_is_done_in_one_process_only(ledger: Ledger) -> None:
    times: list[float] = []

    async def job() -> None:
        times.append(now())

    async with repeating(job, job, job, ledger=ledger):
        await asyncio.sleep(1000)
    assert times == [0.0, 300.0, 600.0, 900.0]


async def test_another_process_goes_on_when_one_dies(ledger: Ledger) -> None:
    times: list[tuple[str, float]] = []

    def job(name: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            times.append((name, now()))

        return work

    async with repeating(job("dies"), ledger=ledger):
        await asyncio.sleep(10)
    async with repeating(job("stays"), ledger=ledger):
        await asyncio.sleep(600)
    assert times[0] == ("dies", 0.0)
    assert times[1][0] == "stays"
    # At the end of the turn that the other took, give or take how often is asked.
    assert 300.0 <= times[1][1] <= 300.0 + 300.0 / 4
    assert len(times) == 2


async def test_a_failing_job_is_done_again_at_its_next_turn(ledger: Ledger) -> None:
    times: list[float] = []

    async def job() -> None:
        times.append(now())
        if len(times) == 1:
            raise KeyError("on purpose")

    with logged() as events:
        async with repeating(job, ledger=ledger):
            await asyncio.sleep(400)
    assert times == [0.0, 300.0]
    assert events == ["job_failed"]


async def test_a_look_is_taken_at_once_and_again_after_one_that_fails() -> None:
    times: list[float] = []

    async def look() -> None:
        times.append(now())
        raise KeyError("on purpose")

    with logged() as events:
        looking = asyncio.create_task(look_often(look, 20.0))
        await asyncio.sleep(50.0)
        looking.cancel()
    assert times == [0.0, 20.0, 40.0]
    assert events == ["job_failed"] * 3


async def test_a_job_waits_for_a_ledger_that_fails(ledger: Ledger, store: Store) -> None:
    times: list[float] = []

    async def job() -> None:
        times.append(now())

    await rename(store, "periodic_jobs", "elsewhere")
    with logged() as events:
        async with repeating(job, ledger=ledger):
            await asyncio.sleep(100)
            await rename(store, "elsewhere", "periodic_jobs")
            await asyncio.sleep(100)
    assert times == [150.0]
    assert events == ["ledger_unavailable"] * 2


async def test_this_machines_clock_is_kept_in_line(ledger: Ledger) -> None:
    machine = ManualClock(0.0)  # wrong by far, and it does not even move
    clock = AdjustedClock(machine)
    assert clock.now() == 0.0
    keeping = asyncio.create_task(keep_time(ledger.queue, clock))
    await asyncio.sleep(KEEP_TIME_EVERY + 1)
    assert clock.now() == START + KEEP_TIME_EVERY
    machine.time += 5
    assert clock.now() == START + KEEP_TIME_EVERY + 5
    await asyncio.sleep(KEEP_TIME_EVERY)
    assert clock.now() == START + 2 * KEEP_TIME_EVERY
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
