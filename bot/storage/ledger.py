"""What must survive, each a row: deliveries, work items, commands, start attempts, runs.

One comment with commands is one work item: the unit of work, claimed under a lease and holding a
fencing token. Its commands, the attempts to start runs and the runs it tracks hang on it. Every
write to any of them is fenced: it first touches the work item under the claim's token, and a worker
whose lease was taken over gets LeaseLost instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.storage.database import Store
from bot.storage.inbox import Inbox
from bot.storage.items import Items
from bot.storage.job_failures import JobFailures
from bot.storage.pull_requests import PullRequests
from bot.storage.queue import Queue
from bot.storage.redeliveries import Redeliveries
from bot.storage.retention import Retention
from bot.storage.write_budget import WriteBudget


@dataclass(frozen=True, slots=True)
class Ledger:
    """The parts of the ledger on one store. Who needs one part takes that part."""

    inbox: Inbox
    queue: Queue
    items: Items
    pull_requests: PullRequests
    write_budget: WriteBudget
    retention: Retention
    redeliveries: Redeliveries
    job_failures: JobFailures

    @classmethod
    def on(cls, store: Store) -> Ledger:
        return cls(
            Inbox(store),
            Queue(store),
            Items(store),
            PullRequests(store),
            WriteBudget(store),
            Retention(store),
            Redeliveries(store),
            JobFailures(store),
        )
