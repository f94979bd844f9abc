"""What must survive: deliveries, requests, commands, intents and runs, each a row.

One comment with commands is one `Request`: the unit of work, claimed under a lease and holding a
fencing token. Its commands, the intents to start runs and the runs it follows hang on it, and
every write to any of them is fenced: it first touches the request under the claim's token, and a
worker whose lease was taken over gets LeaseLost instead. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.core.deliveries import Delivery, HeadChanged
from bot.core.events import CommandLine, Comment
from bot.core.models import Claim, PendingChange, StartAttempt, TrackedRun, WorkItem
from bot.core.rate_limit import Budget
from bot.core.reasons import Reason
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId
from bot.rules.facts import KnownHead
from bot.storage import rows
from bot.storage.database import Store, Work
from bot.storage.group_commit import GroupCommit
from bot.storage.rows import Values
from bot.storage.statements import Statements, Wake
from bot.storage.tables import work_items


class LeaseLost(Exception):
    """Another worker has taken the request over: whatever this one still holds is stale."""


class StartInProgress(Exception):
    """The same workflow on the same commit is just being started for another command."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery that is to be stored, with what it brings."""

    delivery: Delivery
    comments: tuple[Comment, ...]
    head: HeadChanged | None = None


class Ledger:
    """The rows and the rules for changing them. Each method is one transaction.

    All raise `LedgerUnavailable` when the store fails. Times are the store's: machines that share
    it may have clocks of their own.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._incoming = GroupCommit(self._accept)
        self._sql = Statements(store)

    # --- coming in -------------------------------------------------------------------------------

    async def accept(self, delivery: Delivery, comments: Sequence[Comment]) -> bool:
        """Store comments' commands, and what happened. False when all is known already.

        The same comment under another delivery (two hooks, a redelivery) is the same request.
        """
        return await self._incoming.add(Incoming(delivery, tuple(comments)))

    async def accept_head(self, delivery: Delivery, head: HeadChanged) -> bool:
        """Note since when a commit is the head, and store that it happened."""
        return await self._incoming.add(Incoming(delivery, (head.event,), head))

    async def _accept(self, group: Sequence[Incoming]) -> list[bool]:
        """Store deliveries together; for each whether it brought anything new."""

        def work(db: sa.Connection) -> list[bool]:
            _execute_all(
                db, self._sql.set_heads, [rows.head_row(one.head) for one in group if one.head]
            )
            # In one order everywhere: two processes must not wait for each other's rows.
            delivered = [rows.delivery_row(one.delivery) for one in group]
            delivered.sort(key=itemgetter("hook", "guid"))
            new = _add_new(db, self._sql.add_deliveries, delivered)
            fresh = [one for one in group if (one.delivery.hook, one.delivery.guid) in new]
            asked = [rows.work_item_row(comment) for one in fresh for comment in one.comments]
            asked.sort(key=itemgetter("id"))
            new_requests = _add_new(db, self._sql.add_work_items, asked)
            lines = [
                line
                for one in fresh
                for comment in one.comments
                if (comment.work_item_id,) in new_requests
                for line in rows.command_rows(comment.work_item_id, comment.lines)
            ]
            _execute_all(db, self._sql.add_commands, lines)
            if new_requests:
                self._store.notify(db)
            return [_take(one, new_requests) if one in fresh else False for one in group]

        return await self._store.transact(work)

    # --- claiming --------------------------------------------------------------------------------

    async def claim(self, limit: int) -> list[Claim]:
        """Take up to *limit* requests whose step is due and which nobody holds.

        While an earlier comment of a pull request is undecided, later ones of it wait.
        """

        def work(db: sa.Connection) -> list[Claim]:
            due = db.execute(self._sql.due, {"most": limit}).scalars().all()
            if not due:
                return []
            taken = db.execute(self._sql.take, {"of_work_items": due})
            return [Claim(WorkItemId(row.id), row.fencing_token) for row in taken]

        return await self._store.transact(work)

    async def until_due(self) -> float | None:
        """Seconds until the next step that may be claimed is due; none when nothing waits.

        A held one counts from the end of its lease. One that waits for an earlier comment is not
        counted: it comes up when that one is let go.
        """
        return cast("float | None", await self._scalar(self._sql.until_due))

    async def renew(self, claim: Claim) -> None:
        """Hold a claim for longer; raises LeaseLost."""
        await self._write(claim, self._sql.renew)

    async def release(
        self, claim: Claim, delay: float | None, looked: Sequence[TrackedRun] = ()
    ) -> None:
        """Let go of a claim; its next step is due in *delay* seconds, or never. *looked* are runs
        that were looked at before."""

        def work(db: sa.Connection) -> None:
            self._set_runs(db, looked)

        if delay is None:
            await self._write(claim, self._sql.rest, work, due_at=None)
        else:
            await self._write(claim, self._sql.rest_until, work, delay=delay)

    async def release_failed(self, claim: Claim, delay: float) -> None:
        """Let go of a claim whose step has to be done again in *delay* seconds."""
        await self._write(claim, self._sql.fail, delay=delay)

    async def release_all(self) -> None:
        """End every lease: for the start of the only process that uses this ledger."""

        def work(db: sa.Connection) -> None:
            db.execute(self._sql.release_all)

        await self._store.transact(work)

    # --- what all workers share ------------------------------------------------------------------

    async def claim_periodic_job(self, name: str, every: float) -> bool:
        """Whether it is this process's turn to do something that one process does, once in
        *every* seconds."""
        return await self._scalar(self._sql.take_periodic_job, name=name, every=every) is not None

    async def reserve_write(self, account: str, *, keep: int = 0) -> float:
        """Book one write to GitHub for an account, or say in how many seconds to ask again.

        *keep* is how many of the hour's writes have to be left for what matters more.
        """

        def work(db: sa.Connection) -> float:
            budget, now = self._budget(db, account)
            wait = budget.wait(now, keep)
            if not wait:
                self._set_budget(db, account, budget.spent(now))
            return wait

        return await self._store.transact(work)

    async def pause_writes(self, account: str, seconds: float) -> None:
        """GitHub asked for a pause: nobody writes for this account until it is over."""

        def work(db: sa.Connection) -> None:
            budget, now = self._budget(db, account)
            self._set_budget(db, account, budget.closed(now + seconds))

        await self._store.transact(work)

    def _budget(self, db: sa.Connection, account: str) -> tuple[Budget, float]:
        """An account's budget, locked until the transaction ends, and the time."""
        mine = {"account": account}
        row = db.execute(self._sql.write_budget, mine).one_or_none()
        if row is None:
            now = cast(float, db.scalar(self._sql.now))
            db.execute(self._sql.add_write_budget, {**mine, **asdict(Budget.full(now))})
            row = db.execute(self._sql.write_budget, mine).one()
        return Budget(row.minute, row.hour, row.counted_at, row.closed_until), row.now

    def _set_budget(self, db: sa.Connection, account: str, budget: Budget) -> None:
        db.execute(self._sql.set_write_budget, {"of_account": account, **asdict(budget)})

    async def delete_old(self) -> int:
        """Delete what is over and older than it has to be known; how many requests went."""

        def work(db: sa.Connection) -> int:
            return [db.execute(delete).rowcount for delete in self._sql.forget_old][-1]

        return await self._store.transact(work)

    # --- reading ---------------------------------------------------------------------------------

    async def load(self, request_id: WorkItemId) -> WorkItem:
        """A request with all that hangs on it. KeyError when there is none."""
        mine = {"work_item": request_id}

        def work(db: sa.Connection) -> WorkItem:
            row = db.execute(self._sql.work_item, mine).one_or_none()
            if row is None:
                raise KeyError(request_id)
            return rows.work_item(
                row,
                commands=db.execute(self._sql.commands, mine),
                start_attempts=db.execute(self._sql.start_attempts, mine),
                pending_changes=db.execute(self._sql.pending_changes, mine),
                tracked_runs=db.execute(self._sql.tracked_runs, mine),
            )

        return await self._store.transact(work)

    async def known_run_ids(self, run_ids: Sequence[RunId]) -> set[RunId]:
        """Those of *run_ids* that some command of ours started or points to."""
        found = await self._rows(self._sql.claimed_runs, run_ids=run_ids)
        return {RunId(row.run_id) for row in found}

    async def tracked_runs_at(self, repo: RepoName, sha: Sha) -> list[TrackedRun]:
        """The runs on a commit that are being followed for any command, oldest first."""
        return [
            rows.tracked_run(row)
            for row in await self._rows(self._sql.following, repo=repo, sha=sha)
        ]

    async def newest_run(self, repo: RepoName, number: int) -> TrackedRun | None:
        """The newest run that a command of this pull request started or pointed to."""
        return await self._one_run(self._sql.newest_run, repo=repo, number=number)

    async def find_run(self, run_id: RunId) -> TrackedRun | None:
        """A run as the first command that had to do with it knows it."""
        return await self._one_run(self._sql.known_run, run_id=run_id)

    async def _one_run(self, query: sa.Executable, **parameters: object) -> TrackedRun | None:
        found = await self._rows(query, **parameters)
        return rows.tracked_run(found[0]) if found else None

    async def head_since(self, repo: RepoName, number: int, sha: Sha) -> float | None:
        """Since when a commit is a pull request's head, by GitHub's clock, if we heard of it."""
        since = await self._scalar(self._sql.head_since, repo=repo, number=number, sha=sha)
        return cast("float | None", since)

    async def is_from_fork(self, repo: RepoName, sha: Sha) -> bool:
        """Whether a commit has been the head of a pull request from a fork, as far as we heard."""
        return await self._scalar(self._sql.in_fork, repo=repo, sha=sha) is not None

    async def newest_heads(self, repo: RepoName, number: int) -> tuple[KnownHead, ...]:
        """The newest heads of a pull request that webhooks told of, newest first."""
        found = await self._rows(self._sql.newest_heads, repo=repo, number=number)
        return tuple(KnownHead(Sha(row.sha), row.since, row.received_at) for row in found)

    async def newest_head(
        self, repo: RepoName, number: int, heard_after: float
    ) -> tuple[Sha, float] | None:
        """The newest head of a pull request and since when, among those heard of lately."""
        found = await self._rows(
            self._sql.newest_head, repo=repo, number=number, heard_after=heard_after
        )
        return (Sha(found[0].sha), found[0].since) if found else None

    async def count_commands(
        self,
        repo: RepoName,
        within: float,
        author: str | None = None,
        number: int | None = None,
        but: Collection[Reason] = (),
    ) -> int:
        """Commands from comments received in the last *within* seconds: in a repository, by
        somebody, under a pull request; without those decided for the reasons *but*."""
        count = self._sql.count_commands
        if author is not None:
            count = count.where(work_items.c.author == author)
        if number is not None:
            count = count.where(work_items.c.number == number)
        codes = [reason.value for reason in but]
        return cast(int, await self._scalar(count, repo=repo, within=within, but=codes))

    async def last_answer(self, repo: RepoName, number: int, line: str) -> str | None:
        """What the newest decided command of this text was answered under a pull request."""
        answer = await self._scalar(self._sql.last_answer, repo=repo, number=number, line=line)
        return cast("str | None", answer)

    async def now(self) -> float:
        """The time by the store's clock."""
        return cast(float, await self._scalar(self._sql.now))

    async def check(self) -> None:
        """Raises LedgerUnavailable when the store does not answer."""
        await self._scalar(self._sql.check)

    async def _scalar(self, query: sa.Executable, **parameters: object) -> Any:
        """The first value of the first row; none when there is no row."""
        return await self._store.transact(lambda db: db.scalar(query, parameters))

    async def _rows(self, query: sa.Executable, **parameters: object) -> Sequence[sa.Row[Any]]:
        return await self._store.transact(lambda db: db.execute(query, parameters).all())

    # --- what a step stores ----------------------------------------------------------------------

    async def save_acknowledgement(self, claim: Claim) -> None:
        """The reaction is on the comment, or will not come."""
        await self._write(claim, self._sql.hold, acknowledged=True)

    async def save_decision(
        self,
        claim: Claim,
        command_id: CommandId,
        reason: Reason,
        answer: str,
        followed: Sequence[TrackedRun] = (),
        closes: StartAttempt | None = None,
    ) -> None:
        """What became of a command, with the runs it follows and the intent that this settles."""
        mine = {"of_command": command_id}

        def work(db: sa.Connection) -> None:
            db.execute(self._sql.decide, {**mine, "reason": reason.value, "answer": answer})
            _execute_all(
                db, self._sql.add_tracked_runs, [rows.tracked_run_row(run) for run in followed]
            )
            if closes is not None:
                self._set_intent(db, closes)
            # Whatever was decided, nobody looks for its run any more.
            db.execute(self._sql.lose_start_attempts, mine)

        await self._write(claim, self._sql.hold_while_deciding, work, **mine)

    async def add_commands(self, claim: Claim, lines: Sequence[CommandLine]) -> None:
        """What a happening leads to. Without any, there is nothing to decide."""
        added = rows.command_rows(claim.work_item_id, lines)

        def work(db: sa.Connection) -> None:
            _execute_all(db, self._sql.add_commands, added)

        await self._write(claim, self._sql.hold, work, deciding=bool(added))

    async def save_postponement(
        self, claim: Claim, command_id: CommandId, answer: str, troubled_since: float | None
    ) -> None:
        """What the reply says of a command that has to wait, and since when there is trouble."""
        values = {"of_command": command_id, "answer": answer, "blocked_since": troubled_since}

        def work(db: sa.Connection) -> None:
            db.execute(self._sql.set_command, values)

        await self._write(claim, self._sql.hold, work)

    async def add_start_attempt(
        self, claim: Claim, intent: StartAttempt, lost: StartAttempt | None = None
    ) -> StartAttempt:
        """Note that a run is about to be started; raises IntentBusy.

        *lost* is the intent that this one replaces. Returns the intent with the id it got.
        """

        def work(db: sa.Connection) -> StartAttempt:
            if lost is not None:
                self._set_intent(db, lost)
            try:
                added = db.execute(self._sql.add_start_attempt, rows.start_attempt_row(intent))
            except IntegrityError:
                raise StartInProgress(intent.start.workflow) from None
            (intent_id,) = added.inserted_primary_key or (0,)
            return replace(intent, attempt_id=intent_id)

        return await self._write(claim, self._sql.hold, work)

    async def save_start_attempt(self, claim: Claim, intent: StartAttempt) -> None:
        """Store how often an intent was looked for, and its outcome."""

        def work(db: sa.Connection) -> None:
            self._set_intent(db, intent)

        await self._write(claim, self._sql.hold, work)

    def _set_intent(self, db: sa.Connection, intent: StartAttempt) -> None:
        values = {"polls": intent.searches, "outcome": intent.outcome}
        db.execute(self._sql.set_start_attempt, {"of_attempt": intent.attempt_id, **values})

    async def track_runs(self, claim: Claim, followed: Sequence[TrackedRun]) -> None:
        """Follow further runs for commands that are decided already."""

        def work(db: sa.Connection) -> None:
            _execute_all(
                db, self._sql.add_tracked_runs, [rows.tracked_run_row(run) for run in followed]
            )

        await self._write(claim, self._sql.hold, work)

    async def add_pending_change(self, claim: Claim, deed: PendingChange) -> None:
        """Note that a run is about to be retried, rerun or cancelled."""

        def work(db: sa.Connection) -> None:
            db.execute(self._sql.add_pending_change, rows.pending_change_row(deed))

        await self._write(claim, self._sql.hold, work)

    async def resume_tracking(self, run_id: RunId, now: float) -> None:
        """Look at once at a run that everybody who followed it took to be over or at rest.

        It is followed from *now* on, as if it had just begun.
        """
        # What its replies said of its end is no longer so.
        again = {"tracked_since": now, "note": ""}
        await self._wake(self._sql.wake_ended, {"of_run": run_id}, **again)

    async def wake(self, repo: RepoName, sha: Sha) -> bool:
        """Look at once at the runs that are followed on a commit; whether there are any."""
        return await self._wake(self._sql.wake_commit, {"of_repo": repo, "of_sha": sha})

    async def wake_runs(self, run_ids: Sequence[RunId]) -> bool:
        """Look at once at these runs, for everybody who follows them."""
        return await self._wake(self._sql.wake_runs, {"of_runs": run_ids})

    async def _wake(self, wake: Wake, which: Values, **values: object) -> bool:
        """Not fenced: at worst a step that is under way overwrites it with its own next look."""
        theirs, runs = wake

        def work(db: sa.Connection) -> bool:
            woken = db.execute(theirs, which)
            db.execute(runs, {**which, **values})
            if woken.rowcount > 0:
                self._store.notify(db)
            return woken.rowcount > 0

        return await self._store.transact(work)

    async def save_run(self, claim: Claim, run: TrackedRun) -> None:
        """Store how a followed run stands and when it is looked at next."""

        def work(db: sa.Connection) -> None:
            self._set_runs(db, [run])

        await self._write(claim, self._sql.hold, work)

    def _set_runs(self, db: sa.Connection, followed: Sequence[TrackedRun]) -> None:
        changes = [
            {"of_command": run.command_id, "of_run": run.run.run_id, **rows.tracked_run_row(run)}
            for run in followed
        ]
        _execute_all(db, self._sql.set_tracked_run, changes)

    async def save_reply_attempt(self, claim: Claim) -> None:
        """A reply is about to be posted: from now on look for it before posting another."""
        await self._write(claim, self._sql.hold, reply_attempted=True)

    async def save_reply(self, claim: Claim, comment_id: int, text: str) -> None:
        """The reply stands under *comment_id* with this text."""
        await self._write(claim, self._sql.replied, reply_id=comment_id, reply_text=text)

    async def _write(
        self, claim: Claim, hold: sa.Update, work: Work[T] | None = None, **parameters: object
    ) -> T:
        """Change a request under its claim, and in the same transaction what hangs on it.

        *parameters* are those of *hold*, and values of further columns.
        """
        mine = {
            "of_work_item": claim.work_item_id,
            "of_fencing_token": claim.fencing_token,
            "fencing_token": claim.fencing_token,
        }

        def transaction(db: sa.Connection) -> T:
            if db.execute(hold, {**mine, **parameters}).rowcount != 1:
                raise LeaseLost(claim.work_item_id)
            return work(db) if work is not None else cast(T, None)

        return await self._store.transact(transaction)


def _execute_all(db: sa.Connection, statement: sa.Executable, values: Sequence[Values]) -> None:
    """Execute it for each of these, if there are any."""
    if values:
        db.execute(statement, values)


def _add_new(
    db: sa.Connection, adding: sa.Executable, values: Sequence[Values]
) -> set[tuple[Any, ...]]:
    """Insert rows that are not there yet; the primary keys of those that were not."""
    return {tuple(row) for row in db.execute(adding, values)} if values else set()


def _take(one: Incoming, new_requests: set[tuple[Any, ...]]) -> bool:
    """Whether a delivery brought something new; of several that brought it, the first did."""
    brought = {(comment.work_item_id,) for comment in one.comments} & new_requests
    new_requests -= brought
    return bool(brought)
