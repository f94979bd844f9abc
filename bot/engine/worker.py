"""How work survives: claims due work items, runs their steps, lets go; a crash loses nothing.

The only file that sleeps. Steps repeat after a crash, so each looks first whether it has already
happened; what a step has done is a row before the next effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.core.backoff import FAULTY_STEP
from bot.core.clock import AdjustedClock
from bot.core.models import Claim
from bot.storage.database import LedgerUnavailable
from bot.storage.part import LeaseLost
from bot.storage.queue import LEASE_SECONDS, Queue

COMMAND_SLOTS = 16
POLL_SLOTS = 16
"""Work items worked on at the same time: more would keep webhooks waiting when many are due. A new
command never waits behind the polls of runs, so these have slots of their own."""

SLOW_SECONDS = 2.0
SLOW_STEPS = 150
"""A step that has lasted for so long waits for a service that hangs, and makes room for another; so
many of each kind at most."""

POLL_SECONDS = 5.0
"""The longest sleep between two looks for due work."""

MAX_FAULTS = 6
"""After so many steps that failed for reasons nobody foresaw a work item is set aside."""

KEEP_TIME_EVERY = 60.0
"""Seconds between two looks at the ledger's clock."""

STOP_SECONDS = 10.0
"""How long steps under way may take to end when the bot is stopped."""

log = structlog.get_logger()

Step = Callable[[Claim], Awaitable[None]]


class Worker:
    """Runs *step* for every work item that is due, until stopped."""

    def __init__(self, queue: Queue, step: Step) -> None:
        self._queue = queue
        self._step = step
        self._wake = asyncio.Event()
        self._may_claim = True
        """Whether something may be due that was not when it was last claimed."""
        # A flag as well as cancellation: on Python 3.11 `wait_for` can swallow a cancellation.
        self._stopping = False
        self._held: set[Claim] = set()
        self._commands = _Steps(COMMAND_SLOTS)
        self._polls = _Steps(POLL_SLOTS)
        self._timers: dict[asyncio.Task[None], asyncio.TimerHandle] = {}
        """When each step counts as slow."""

    def wake(self) -> None:
        """Look for due work now."""
        self._may_claim = True
        self._wake.set()

    def stop(self) -> None:
        """Start nothing more; `run` returns once the steps under way have ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop` is called."""
        renewing = asyncio.create_task(self._renew_held())
        try:
            await self._run()
        finally:
            renewing.cancel()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                pause = await self._start_due() if self._may_claim else await self._until_due()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", error=str(error))
                pause = 1.0
            if not await self._woken(pause):
                self._may_claim = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in self._tasks:
            # Cut in an upstream call: after the next start it counts as one whose outcome is
            # unknown. What is being stored is stored (`bot.storage.database`).
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def drain(self) -> None:
        """Do everything that is due now, and return."""
        while self._tasks or self._start(await self._queue.claim(*self._room)):
            if self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _start_due(self) -> float:
        """Start the steps of what is due, as far as there is room; how long to sleep."""
        self._may_claim = False
        if self._is_full:
            return POLL_SECONDS  # the end of any step wakes us
        claimed = await self._queue.claim_and_look(*self._room)
        self._start(claimed.claims)
        return _bounded(claimed.wait)

    def _start(self, claims: Sequence[Claim]) -> int:
        loop = asyncio.get_running_loop()
        for claim in claims:
            task = asyncio.create_task(self._hold(claim))
            steps = self._polls if claim.is_poll else self._commands
            steps.all.add(task)
            self._timers[task] = loop.call_later(SLOW_SECONDS, self._is_slow, steps, task)
            task.add_done_callback(self._ended)
        return len(claims)

    def _is_slow(self, steps: _Steps, task: asyncio.Task[None]) -> None:
        """Have a step make room for another."""
        steps.slow.add(task)
        self.wake()

    async def _until_due(self) -> float:
        """How long to sleep: what has no room now is woken for by the end of a step."""
        return POLL_SECONDS if self._is_full else _bounded(await self._queue.until_due(*self._room))

    @property
    def _room(self) -> tuple[int, int]:
        """For how many commands and polls there are slots."""
        return self._commands.room, self._polls.room

    def _ended(self, task: asyncio.Task[None]) -> None:
        # There was no room for others, or a later comment has waited for this one.
        self._may_claim |= task in self._commands.all or not self._polls.room
        self._commands.discard(task)
        self._polls.discard(task)
        self._timers.pop(task).cancel()
        self._wake.set()

    @property
    def _tasks(self) -> set[asyncio.Task[None]]:
        return self._commands.all | self._polls.all

    @property
    def _is_full(self) -> bool:
        return not self._commands.room and not self._polls.room

    async def _hold(self, claim: Claim) -> None:
        """One step; its lease is renewed while it lasts."""
        self._held.add(claim)
        try:
            with structlog.contextvars.bound_contextvars(work_item=claim.work_item_id):
                await self._step(claim)
        except LeaseLost:
            log.warning("lease_lost", work_item=claim.work_item_id)
        except LedgerUnavailable as error:
            # Nothing more can be stored; the lease ends by itself and the step is done again.
            log.error("ledger_unavailable", work_item=claim.work_item_id, error=str(error))
        except Exception:
            log.exception("step_failed", work_item=claim.work_item_id)
            await self._put_off(claim)
        finally:
            self._held.discard(claim)

    async def _put_off(self, claim: Claim) -> None:
        try:
            if claim.faults + 1 >= MAX_FAULTS:
                log.error("work_item_set_aside", work_item=claim.work_item_id)
                await self._queue.set_aside(claim)
            else:
                await self._queue.release_faulty(claim, FAULTY_STEP.pause(claim.faults))
        except (LeaseLost, LedgerUnavailable) as error:
            # Its lease ends by itself, and then it is done again.
            log.warning("release_failed", work_item=claim.work_item_id, error=type(error).__name__)

    async def _renew_held(self) -> None:
        """Renew the leases of all steps under way, until cancelled."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            # Who has lost its lease finds out at its next write.
            await asyncio.gather(
                *(self._queue.renew(claim) for claim in self._held), return_exceptions=True
            )

    async def _woken(self, seconds: float) -> bool:
        """Sleep until woken, at most so long; whether somebody woke us."""
        waiter = asyncio.create_task(self._wake.wait())
        done, _ = await asyncio.wait({waiter}, timeout=seconds)
        waiter.cancel()
        return bool(done)


class _Steps:
    """The steps under way of one kind."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self.all: set[asyncio.Task[None]] = set()
        self.slow: set[asyncio.Task[None]] = set()
        """Those of them that no longer hold a slot."""

    @property
    def room(self) -> int:
        """How many more there may be: as many as there are slots free, and no more slow ones in all
        than SLOW_STEPS beyond the slots."""
        most = min(self._slots, self._slots + SLOW_STEPS - len(self.slow))
        return most - (len(self.all) - len(self.slow))

    def discard(self, task: asyncio.Task[None]) -> None:
        self.all.discard(task)
        self.slow.discard(task)


def _bounded(wait: float | None) -> float:
    return POLL_SECONDS if wait is None else min(max(wait, 0.01), POLL_SECONDS)


async def repeat(queue: Queue, name: str, every: float, job: Callable[[], Awaitable[None]]) -> None:
    """Do *job* every so many seconds, in one process of all that share the ledger, until
    cancelled. A failure is logged, and the job done again at its next turn."""
    while True:
        try:
            if await queue.claim_periodic_job(name, every):
                await job()
        except LedgerUnavailable as error:
            log.error("ledger_unavailable", job=name, error=str(error))
        except Exception:
            log.exception("job_failed", job=name)
        await asyncio.sleep(every / 4)


async def look_often(look: Callable[[], Awaitable[None]], every: float) -> None:
    """Do *look* now and every so many seconds in this process, until cancelled."""
    while True:
        try:
            await look()
        except Exception:
            log.exception("job_failed", job="look")
        await asyncio.sleep(every)


async def keep_time(queue: Queue, clock: AdjustedClock) -> None:
    """Keep this machine's clock in line with the ledger's, until cancelled."""
    while True:
        await asyncio.sleep(KEEP_TIME_EVERY)
        try:
            clock.adjust(await queue.now())
        except LedgerUnavailable as error:
            log.error("ledger_unavailable", job="keep_time", error=str(error))
