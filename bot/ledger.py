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

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.budget import Budget
from bot.group_commit import GroupCommit
from bot.records import Claim, Command, Deed, FollowedRun, Intent, Reply, Request, Start
from bot.schema import (
    budgets,
    commands,
    deeds,
    deliveries,
    heads,
    intents,
    requests,
    runs,
    turns,
)
from bot.store import Store, Work
from bot.types import (
    Actor,
    CommandId,
    CommandLine,
    Comment,
    Happening,
    RepoName,
    RequestId,
    Run,
    RunId,
    Sha,
    Source,
)
from bot.webhooks import Delivery, HeadSet

LEASE_SECONDS = 10.0
"""How long a claim holds without being renewed; a dead worker's work goes on after that."""


class LeaseLost(Exception):
    """Another worker has taken the request over: whatever this one still holds is stale."""


class IntentBusy(Exception):
    """The same workflow on the same commit is just being started for another command."""


KEEP_SECONDS = 90 * 24 * 3600.0
"""How long what is over stays known."""

T = TypeVar("T")

Now = sa.ColumnElement[float]
"""A moment by the store's clock, as SQL."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery that is to be stored, with what it brings."""

    delivery: Delivery
    comments: tuple[Comment, ...]
    head: HeadSet | None = None


class Ledger:
    """The rows and the rules for changing them. Each method is one transaction.

    All raise `bot.store.LedgerUnavailable` when the store fails. Times are the store's: machines
    that share it may have clocks of their own.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._incoming = GroupCommit(self._accept)
        now = store.now()
        self._add_deliveries = self._adding(deliveries, received_at=now).returning(
            *deliveries.primary_key
        )
        self._add_requests = self._adding(
            requests, received_at=now, due_at=now, **_NEW_REQUEST
        ).returning(*requests.primary_key)
        self._add_commands = self._adding(commands, **_NEW_COMMAND)
        self._add_runs = self._adding(runs)
        self._add_budget = self._adding(budgets)

    # --- coming in -------------------------------------------------------------------------------

    async def accept(self, delivery: Delivery, comments: Sequence[Comment]) -> bool:
        """Store comments' commands, and what happened. False when all is known already.

        The same comment under another delivery (two hooks, a redelivery) is the same request.
        """
        return await self._incoming.add(Incoming(delivery, tuple(comments)))

    async def accept_head(self, delivery: Delivery, head: HeadSet) -> bool:
        """Note since when a commit is the head, and store that it happened."""
        return await self._incoming.add(Incoming(delivery, (head.comment,), head))

    async def _accept(self, group: Sequence[Incoming]) -> list[bool]:
        """Store deliveries together; for each whether it brought anything new."""

        def work(db: sa.Connection) -> list[bool]:
            self._set_heads(db, [_head_row(one.head) for one in group if one.head])
            # In one order everywhere: two processes must not wait for each other's rows.
            delivered = [_delivery_row(one.delivery) for one in group]
            delivered.sort(key=itemgetter("hook", "guid"))
            new = _add_new(db, self._add_deliveries, delivered)
            fresh = [one for one in group if (one.delivery.hook, one.delivery.guid) in new]
            rows = [_request_row(comment) for one in fresh for comment in one.comments]
            rows.sort(key=itemgetter("id"))
            new_requests = _add_new(db, self._add_requests, rows)
            lines = [
                line
                for one in fresh
                for comment in one.comments
                if (comment.request_id,) in new_requests
                for line in _command_rows(comment.request_id, comment.lines)
            ]
            _add(db, self._add_commands, lines)
            if new_requests:
                self._store.tell(db)
            return [_take(one, new_requests) if one in fresh else False for one in group]

        return await self._store.transact(work)

    def _set_heads(self, db: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        now = self._store.now()
        insert = self._store.insert(heads).values(received_at=now)
        # Deliveries come in any order: what counts is the last time it became the head.
        upsert = insert.on_conflict_do_update(
            index_elements=[heads.c.repo, heads.c.number, heads.c.sha],
            set_={"since": insert.excluded.since, "received_at": now},
            where=heads.c.since < insert.excluded.since,
        )
        db.execute(upsert, rows)

    def _adding(self, table: sa.Table, **same: sa.ColumnElement[Any]) -> sa.Insert:
        """An INSERT of rows that are not there yet; *same* is the same in all."""
        insert = self._store.insert(table)
        if same:
            insert = insert.values(**same)
        return insert.on_conflict_do_nothing()

    # --- claiming --------------------------------------------------------------------------------

    async def claim(self, limit: int) -> list[Claim]:
        """Take up to *limit* requests whose step is due and which nobody holds.

        While an earlier comment of a pull request is undecided, later ones of it wait.
        """
        now = self._store.now()
        due = (
            sa.select(requests.c.id)
            .where(requests.c.due_at <= now, requests.c.lease_until <= now, _is_its_turn())
            .order_by(requests.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

        def work(db: sa.Connection) -> list[Claim]:
            ids = db.execute(due).scalars().all()
            if not ids:
                return []
            rows = db.execute(
                sa.update(requests)
                .where(requests.c.id.in_(ids))
                .values(lease_until=now + LEASE_SECONDS, fence=requests.c.fence + 1)
                .returning(requests.c.id, requests.c.fence)
            )
            return [Claim(RequestId(row.id), row.fence) for row in rows]

        return await self._store.transact(work)

    async def until_due(self) -> float | None:
        """Seconds until the next step that may be claimed is due; none when nothing waits.

        A held one counts from the end of its lease. One that waits for an earlier comment is not
        counted: it comes up when that one is let go.
        """
        due = sa.case(
            (requests.c.lease_until > requests.c.due_at, requests.c.lease_until),
            else_=requests.c.due_at,
        )
        earliest = sa.select(sa.func.min(due) - self._store.now()).where(
            requests.c.due_at.is_not(None), _is_its_turn()
        )

        def work(db: sa.Connection) -> float | None:
            return cast("float | None", db.scalar(earliest))

        return await self._store.transact(work)

    async def renew(self, claim: Claim) -> None:
        """Hold a claim for longer; raises LeaseLost."""
        await self._write(claim, lease_until=self._store.now() + LEASE_SECONDS)

    async def rest(
        self, claim: Claim, delay: float | None, looked: Sequence[FollowedRun] = ()
    ) -> None:
        """Let go of a claim; its next step is due in *delay* seconds, or never. *looked* are runs
        that were looked at before."""
        due = None if delay is None else self._store.now() + delay
        await self._write(
            claim,
            lambda db: _update_runs(db, looked),
            due_at=due,
            lease_until=0.0,
            failures=0,
            failing_since=None,
        )

    async def fail(self, claim: Claim, delay: float) -> None:
        """Let go of a claim whose step has to be done again in *delay* seconds."""
        now = self._store.now()
        await self._write(
            claim,
            due_at=now + delay,
            lease_until=0.0,
            failures=requests.c.failures + 1,
            failing_since=sa.func.coalesce(requests.c.failing_since, now),
        )

    async def release_all(self) -> None:
        """End every lease: for the start of the only process that uses this ledger."""

        def work(db: sa.Connection) -> None:
            db.execute(sa.update(requests).values(lease_until=0.0))

        await self._store.transact(work)

    # --- what all workers share ------------------------------------------------------------------

    async def take_turn(self, name: str, every: float) -> bool:
        """Whether it is this process's turn to do something that one process does, once in
        *every* seconds."""
        now = self._store.now()
        insert = self._store.insert(turns).values(name=name, next_at=now + every)
        take = insert.on_conflict_do_update(
            index_elements=[turns.c.name],
            set_={"next_at": insert.excluded.next_at},
            where=turns.c.next_at <= now,
        )

        def work(db: sa.Connection) -> bool:
            return bool(db.execute(take.returning(turns.c.name)).all())

        return await self._store.transact(work)

    async def take_write(self, account: str, *, keep: int = 0) -> float:
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

    async def close_writes(self, account: str, seconds: float) -> None:
        """GitHub asked for a pause: nobody writes for this account until it is over."""

        def work(db: sa.Connection) -> None:
            budget, now = self._budget(db, account)
            self._set_budget(db, account, budget.closed(now + seconds))

        await self._store.transact(work)

    def _budget(self, db: sa.Connection, account: str) -> tuple[Budget, float]:
        """An account's budget, locked until the transaction ends, and the time."""
        mine = sa.select(budgets, self._store.now().label("now")).where(
            budgets.c.account == account
        )
        row = db.execute(mine.with_for_update()).one_or_none()
        if row is None:
            now = cast(float, db.scalar(sa.select(self._store.now())))
            _add(db, self._add_budget, [{"account": account, **asdict(Budget.full(now))}])
            row = db.execute(mine.with_for_update()).one()
        return Budget(row.minute, row.hour, row.counted_at, row.closed_until), row.now

    def _set_budget(self, db: sa.Connection, account: str, budget: Budget) -> None:
        db.execute(sa.update(budgets).where(budgets.c.account == account).values(asdict(budget)))

    async def forget_old(self) -> int:
        """Delete what is over and older than it has to be known; how many requests went."""
        now = self._store.now()
        old = sa.select(requests.c.id).where(
            requests.c.due_at.is_(None),
            ~requests.c.deciding,
            requests.c.received_at < now - KEEP_SECONDS,
        )
        theirs = sa.select(commands.c.id).where(commands.c.request_id.in_(old))

        def work(db: sa.Connection) -> int:
            for table in (runs, deeds, intents):
                db.execute(sa.delete(table).where(table.c.command_id.in_(theirs)))
            db.execute(sa.delete(commands).where(commands.c.request_id.in_(old)))
            gone = db.execute(sa.delete(requests).where(requests.c.id.in_(old)))
            for table in (deliveries, heads):
                db.execute(sa.delete(table).where(table.c.received_at < now - KEEP_SECONDS))
            return gone.rowcount

        return await self._store.transact(work)

    # --- reading ---------------------------------------------------------------------------------

    async def load(self, request_id: RequestId) -> Request:
        """A request with all that hangs on it. KeyError when there is none."""
        mine = sa.select(commands.c.id).where(commands.c.request_id == request_id)

        def work(db: sa.Connection) -> Request:
            row = db.execute(sa.select(requests).where(requests.c.id == request_id)).one_or_none()
            if row is None:
                raise KeyError(request_id)
            command_rows = db.execute(
                sa.select(commands).where(commands.c.id.in_(mine)).order_by(commands.c.place)
            )
            intent_rows = db.execute(
                sa.select(intents).where(intents.c.command_id.in_(mine)).order_by(intents.c.id)
            )
            deed_rows = db.execute(sa.select(deeds).where(deeds.c.command_id.in_(mine)))
            run_rows = db.execute(
                sa.select(runs)
                .where(runs.c.command_id.in_(mine))
                .order_by(runs.c.followed_since, runs.c.run_id)
            )
            return _request(row, command_rows, intent_rows, deed_rows, run_rows)

        return await self._store.transact(work)

    async def claimed_runs(self, run_ids: Sequence[RunId]) -> set[RunId]:
        """Those of *run_ids* that some command of ours started or points to."""

        def work(db: sa.Connection) -> set[RunId]:
            rows = db.execute(sa.select(runs.c.run_id).where(runs.c.run_id.in_(run_ids)))
            return set(rows.scalars())

        return await self._store.transact(work)

    async def following(self, repo: RepoName, sha: Sha) -> list[FollowedRun]:
        """The runs on a commit that are being followed for any command, oldest first."""

        def work(db: sa.Connection) -> list[FollowedRun]:
            rows = db.execute(
                sa.select(runs)
                .where(runs.c.repo == repo, runs.c.sha == sha, runs.c.next_look_at.is_not(None))
                .order_by(runs.c.followed_since)
            )
            return [_run(row) for row in rows]

        return await self._store.transact(work)

    async def newest_run(self, repo: RepoName, number: int) -> FollowedRun | None:
        """The newest run that a command of this pull request started or pointed to."""
        newest = (
            sa.select(runs)
            .join(commands, commands.c.id == runs.c.command_id)
            .join(requests, requests.c.id == commands.c.request_id)
            .where(requests.c.repo == repo, requests.c.number == number)
            .order_by(runs.c.followed_since.desc())
            .limit(1)
        )

        return await self._one_run(newest)

    async def known_run(self, run_id: RunId) -> FollowedRun | None:
        """A run as the first command that had to do with it knows it."""
        first = sa.select(runs).where(runs.c.run_id == run_id).order_by(runs.c.followed_since)
        return await self._one_run(first.limit(1))

    async def _one_run(self, which: sa.Select[Any]) -> FollowedRun | None:
        def work(db: sa.Connection) -> FollowedRun | None:
            row = db.execute(which).one_or_none()
            return _run(row) if row is not None else None

        return await self._store.transact(work)

    async def head_since(self, repo: RepoName, number: int, sha: Sha) -> float | None:
        """Since when a commit is a pull request's head, by GitHub's clock, if we heard of it."""
        since = sa.select(heads.c.since).where(
            heads.c.repo == repo, heads.c.number == number, heads.c.sha == sha
        )

        def work(db: sa.Connection) -> float | None:
            return cast("float | None", db.scalar(since))

        return await self._store.transact(work)

    async def is_from_fork(self, repo: RepoName, sha: Sha) -> bool:
        """Whether a commit has been the head of a pull request from a fork, as far as we heard."""
        found = sa.select(heads.c.sha).where(
            heads.c.repo == repo, heads.c.sha == sha, heads.c.in_fork
        )

        def work(db: sa.Connection) -> bool:
            return db.scalar(found.limit(1)) is not None

        return await self._store.transact(work)

    async def newest_head(
        self, repo: RepoName, number: int, heard_after: float
    ) -> tuple[Sha, float] | None:
        """The newest head of a pull request and since when, among those heard of lately."""
        newest = (
            sa.select(heads.c.sha, heads.c.since)
            .where(
                heads.c.repo == repo,
                heads.c.number == number,
                heads.c.received_at > heard_after,
            )
            .order_by(heads.c.since.desc())
            .limit(1)
        )

        def work(db: sa.Connection) -> tuple[Sha, float] | None:
            row = db.execute(newest).one_or_none()
            return (Sha(row.sha), row.since) if row is not None else None

        return await self._store.transact(work)

    async def count_commands(
        self,
        repo: RepoName,
        within: float,
        author: str | None = None,
        number: int | None = None,
        but: Collection[str] = (),
    ) -> int:
        """Commands from comments received in the last *within* seconds: in a repository, by
        somebody, under a pull request; without those decided for the reasons *but*."""
        count = (
            sa.select(sa.func.count())
            .select_from(commands.join(requests))
            .where(
                requests.c.repo == repo,
                requests.c.received_at > self._store.now() - within,
                requests.c.happening.is_(None),
                commands.c.reason.not_in(list(but)),
            )
        )
        if author is not None:
            count = count.where(requests.c.author == author)
        if number is not None:
            count = count.where(requests.c.number == number)

        def work(db: sa.Connection) -> int:
            return cast(int, db.scalar(count))

        return await self._store.transact(work)

    async def last_answer(self, repo: RepoName, number: int, line: str) -> str | None:
        """What the newest decided command of this text was answered under a pull request."""
        newest = (
            sa.select(commands.c.answer)
            .select_from(commands.join(requests))
            .where(
                requests.c.repo == repo,
                requests.c.number == number,
                requests.c.happening.is_not(None),
                commands.c.line == line,
                commands.c.decided,
                commands.c.answer != "",
            )
            .order_by(commands.c.decided_at.desc())
            .limit(1)
        )

        def work(db: sa.Connection) -> str | None:
            return cast("str | None", db.scalar(newest))

        return await self._store.transact(work)

    async def now(self) -> float:
        """The time by the store's clock."""

        def work(db: sa.Connection) -> float:
            return cast(float, db.scalar(sa.select(self._store.now())))

        return await self._store.transact(work)

    async def check(self) -> None:
        """Raises LedgerUnavailable when the store does not answer."""

        def work(db: sa.Connection) -> None:
            db.execute(sa.select(sa.func.count()).select_from(requests).where(sa.false()))

        await self._store.transact(work)

    # --- what a step stores ----------------------------------------------------------------------

    async def acknowledged(self, claim: Claim) -> None:
        """The reaction is on the comment, or will not come."""
        await self._write(claim, acknowledged=True)

    async def decided(
        self,
        claim: Claim,
        command_id: CommandId,
        reason: str,
        answer: str,
        followed: Sequence[FollowedRun] = (),
        closes: Intent | None = None,
    ) -> None:
        """What became of a command, with the runs it follows and the intent that this settles."""
        now = self._store.now()
        others = sa.exists().where(
            commands.c.request_id == claim.request_id,
            commands.c.id != command_id,
            ~commands.c.decided,
        )

        def work(db: sa.Connection) -> None:
            db.execute(
                sa.update(commands)
                .where(commands.c.id == command_id)
                .values(decided=True, reason=reason, answer=answer, decided_at=now)
            )
            _add(db, self._add_runs, [_run_row(run) for run in followed])
            if closes is not None:
                _update_intent(db, closes)
            # Whatever was decided, nobody looks for its run any more.
            db.execute(
                sa.update(intents)
                .where(intents.c.command_id == command_id, intents.c.outcome == "open")
                .values(outcome="lost")
            )

        await self._write(claim, work, deciding=others)

    async def add_commands(self, claim: Claim, lines: Sequence[CommandLine]) -> None:
        """What a happening leads to. Without any, there is nothing to decide."""
        rows = _command_rows(claim.request_id, lines)

        def work(db: sa.Connection) -> None:
            _add(db, self._add_commands, rows)

        await self._write(claim, work, deciding=bool(rows))

    async def undecided(
        self, claim: Claim, command_id: CommandId, answer: str, troubled_since: float | None
    ) -> None:
        """What the reply says of a command that has to wait, and since when there is trouble."""

        def work(db: sa.Connection) -> None:
            db.execute(
                sa.update(commands)
                .where(commands.c.id == command_id)
                .values(answer=answer, troubled_since=troubled_since)
            )

        await self._write(claim, work)

    async def note_intent(self, claim: Claim, intent: Intent, lost: Intent | None = None) -> Intent:
        """Note that a run is about to be started; raises IntentBusy.

        *lost* is the intent that this one replaces. Returns the intent with the id it got.
        """

        def work(db: sa.Connection) -> Intent:
            if lost is not None:
                _update_intent(db, lost)
            try:
                added = db.execute(sa.insert(intents).values(_intent_row(intent)))
            except IntegrityError:
                raise IntentBusy(intent.start.workflow) from None
            (intent_id,) = added.inserted_primary_key or (0,)
            return replace(intent, intent_id=intent_id)

        return await self._write(claim, work)

    async def update_intent(self, claim: Claim, intent: Intent) -> None:
        """Store how often an intent was looked for, and its outcome."""

        await self._write(claim, lambda db: _update_intent(db, intent))

    async def add_runs(self, claim: Claim, followed: Sequence[FollowedRun]) -> None:
        """Follow further runs for commands that are decided already."""

        def work(db: sa.Connection) -> None:
            _add(db, self._add_runs, [_run_row(run) for run in followed])

        await self._write(claim, work)

    async def note_deed(self, claim: Claim, deed: Deed) -> None:
        """Note that a run is about to be retried, rerun or cancelled."""
        row = {
            "command_id": deed.command_id,
            "run_id": deed.run_id,
            "attempts": _json(deed.attempts),
        }

        def work(db: sa.Connection) -> None:
            db.execute(sa.insert(deeds).values(row))

        await self._write(claim, work)

    async def follow_again(self, run_id: RunId, now: float) -> None:
        """Look at once at a run that everybody who followed it took to be over or at rest.

        It is followed from *now* on, as if it had just begun.
        """
        # What its replies said of its end is no longer so.
        await self._wake_runs(runs.c.run_id == run_id, followed_since=now, note="")

    async def wake(self, repo: RepoName, sha: Sha) -> bool:
        """Look at once at the runs that are followed on a commit; whether there are any."""
        return await self._wake_runs(
            runs.c.repo == repo, runs.c.sha == sha, runs.c.next_look_at.is_not(None)
        )

    async def wake_runs(self, run_ids: Sequence[RunId]) -> bool:
        """Look at once at these runs, for everybody who follows them."""
        return await self._wake_runs(runs.c.run_id.in_(run_ids), runs.c.next_look_at.is_not(None))

    async def _wake_runs(self, *which: sa.ColumnElement[bool], **values: object) -> bool:
        """Not fenced: at worst a step that is under way overwrites it with its own next look."""
        now = self._store.now()
        theirs = sa.select(commands.c.request_id).where(
            commands.c.id.in_(sa.select(runs.c.command_id).where(*which))
        )
        due = sa.case((requests.c.due_at < now, requests.c.due_at), else_=now)

        def work(db: sa.Connection) -> bool:
            woken = db.execute(
                sa.update(requests).where(requests.c.id.in_(theirs)).values(due_at=due)
            )
            db.execute(sa.update(runs).where(*which).values(next_look_at=0.0, looks=0, **values))
            if woken.rowcount > 0:
                self._store.tell(db)
            return woken.rowcount > 0

        return await self._store.transact(work)

    async def looked(self, claim: Claim, run: FollowedRun) -> None:
        """Store how a followed run stands and when it is looked at next."""
        await self._write(claim, lambda db: _update_runs(db, [run]))

    async def replying(self, claim: Claim) -> None:
        """A reply is about to be posted: from now on look for it before posting another."""
        await self._write(claim, reply_tried=True)

    async def replied(self, claim: Claim, comment_id: int, text: str) -> None:
        """The reply stands under *comment_id* with this text."""
        await self._write(claim, reply_id=comment_id, reply_text=text, replied_at=self._store.now())

    async def _write(
        self,
        claim: Claim,
        work: Work[T] | None = None,
        **values: Any,
    ) -> T:
        """Change a request, and in the same transaction what hangs on it, under its claim."""
        held = (
            sa.update(requests)
            .where(requests.c.id == claim.request_id, requests.c.fence == claim.fence)
            .values(fence=claim.fence, **values)
        )

        def transaction(db: sa.Connection) -> T:
            if db.execute(held).rowcount != 1:
                raise LeaseLost(claim.request_id)
            return work(db) if work is not None else cast(T, None)

        return await self._store.transact(transaction)


def _is_its_turn() -> sa.ColumnElement[bool]:
    """Commands of a pull request are decided in the order of their comments."""
    # What only happened keeps no command waiting: nobody asked for it.
    earlier = requests.alias("earlier")
    waits = sa.exists().where(
        sa.or_(earlier.c.happening.is_(None), requests.c.happening.is_not(None)),
        earlier.c.repo == requests.c.repo,
        earlier.c.number == requests.c.number,
        earlier.c.deciding,
        sa.tuple_(earlier.c.written_at, earlier.c.comment_id, earlier.c.id)
        < sa.tuple_(requests.c.written_at, requests.c.comment_id, requests.c.id),
    )
    return sa.or_(~requests.c.deciding, ~waits)


def _update_runs(db: sa.Connection, followed: Sequence[FollowedRun]) -> None:
    for run in followed:
        db.execute(
            sa.update(runs)
            .where(runs.c.command_id == run.command_id, runs.c.run_id == run.run.run_id)
            .values(_run_row(run))
        )


def _update_intent(db: sa.Connection, intent: Intent) -> None:
    db.execute(
        sa.update(intents)
        .where(intents.c.id == intent.intent_id)
        .values(looks=intent.looks, outcome=intent.outcome)
    )


# --- values to rows and back ---------------------------------------------------------------------


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _add(db: sa.Connection, adding: sa.Executable, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that are not there yet."""
    if rows:
        db.execute(adding, rows)


def _add_new(
    db: sa.Connection, adding: sa.Executable, rows: Sequence[dict[str, Any]]
) -> set[tuple[Any, ...]]:
    """Insert rows that are not there yet; the primary keys of those that were not."""
    return {tuple(row) for row in db.execute(adding, rows)} if rows else set()


def _take(one: Incoming, new_requests: set[tuple[Any, ...]]) -> bool:
    """Whether a delivery brought something new; of several that brought it, the first did."""
    brought = {(comment.request_id,) for comment in one.comments} & new_requests
    new_requests -= brought
    return bool(brought)


def _delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {"hook": delivery.hook, "guid": delivery.guid, "event": delivery.event}


def _head_row(head: HeadSet) -> dict[str, Any]:
    return {
        "repo": head.repo,
        "number": head.number,
        "sha": head.sha,
        "since": head.since,
        "in_fork": head.in_fork,
    }


# What is the same in all new rows stands in the statement: it has not to be sent for each.
_NOTHING: sa.ColumnElement[Any] = sa.literal_column("''")
_ZERO: sa.ColumnElement[Any] = sa.literal_column("0")
_NEW_REQUEST: dict[str, sa.ColumnElement[Any]] = {
    "deciding": sa.true(),
    "acknowledged": sa.false(),
    "reply_tried": sa.false(),
    "reply_text": _NOTHING,
    "failures": _ZERO,
    "lease_until": _ZERO,
    "fence": _ZERO,
}
_NEW_COMMAND: dict[str, sa.ColumnElement[Any]] = {
    "decided": sa.false(),
    "reason": _NOTHING,
    "answer": _NOTHING,
}


def _request_row(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.request_id,
        "source": comment.source.value,
        "repo": comment.repo,
        "number": comment.number,
        "comment_id": comment.comment_id,
        "author": comment.author.login,
        "author_is_bot": comment.author.is_bot,
        "written_at": comment.written_at,
        "url": comment.url,
        "installation": comment.installation,
        "reviewed": comment.reviewed,
        "happening": _json(comment.happening) if comment.happening else None,
    }


def _command_rows(request_id: RequestId, lines: Sequence[CommandLine]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{request_id}.{place}",
            "request_id": request_id,
            "place": place,
            "line": line.text,
            "blocks": _json(line.blocks),
        }
        for place, line in enumerate(lines, start=1)
    ]


def _intent_row(intent: Intent) -> dict[str, Any]:
    return {
        "command_id": intent.command_id,
        "repo": intent.start.repo,
        "sha": intent.start.sha,
        "workflow": intent.start.workflow,
        "start": _json(intent.start),
        "before": _json(intent.before),
        "noted_at": intent.noted_at,
        "looks": intent.looks,
        "outcome": intent.outcome,
    }


def _run_row(followed: FollowedRun) -> dict[str, Any]:
    return {
        "command_id": followed.command_id,
        "run_id": followed.run.run_id,
        "repo": followed.repo,
        "sha": followed.sha,
        "workflow": followed.workflow,
        "job": followed.job,
        "is_inline": followed.is_inline,
        "in_fork": followed.in_fork,
        "note": followed.note,
        "failure": followed.failure,
        "state": _json(followed.run),
        "followed_since": followed.followed_since,
        "looks": followed.looks,
        "next_look_at": followed.next_look_at,
    }


def _request(
    row: sa.Row[Any],
    command_rows: sa.Result[Any],
    intent_rows: sa.Result[Any],
    deed_rows: sa.Result[Any],
    run_rows: sa.Result[Any],
) -> Request:
    commands_ = tuple(_command(r) for r in command_rows)
    comment = Comment(
        source=Source(row.source),
        repo=RepoName(row.repo),
        number=row.number,
        comment_id=row.comment_id,
        author=Actor(row.author, row.author_is_bot),
        written_at=row.written_at,
        url=row.url,
        lines=tuple(c.line for c in commands_),
        installation=row.installation,
        reviewed=Sha(row.reviewed) if row.reviewed else None,
        happening=(msgspec.json.decode(row.happening, type=Happening) if row.happening else None),
    )
    return Request(
        comment=comment,
        received_at=row.received_at,
        acknowledged=row.acknowledged,
        reply=Reply(row.reply_id, row.reply_tried, row.reply_text, row.replied_at),
        failures=row.failures,
        failing_since=row.failing_since,
        commands=commands_,
        intents=tuple(_intent(r) for r in intent_rows),
        deeds=tuple(_deed(r) for r in deed_rows),
        runs=tuple(_run(r) for r in run_rows),
    )


def _command(row: sa.Row[Any]) -> Command:
    return Command(
        command_id=CommandId(row.id),
        place=row.place,
        line=CommandLine(row.line, msgspec.json.decode(row.blocks, type=tuple[str, ...])),
        decided=row.decided,
        reason=row.reason,
        answer=row.answer,
        troubled_since=row.troubled_since,
    )


def _intent(row: sa.Row[Any]) -> Intent:
    return Intent(
        intent_id=row.id,
        command_id=CommandId(row.command_id),
        start=msgspec.json.decode(row.start, type=Start),
        before=msgspec.json.decode(row.before, type=tuple[RunId, ...]),
        noted_at=row.noted_at,
        looks=row.looks,
        outcome=row.outcome,
    )


def _deed(row: sa.Row[Any]) -> Deed:
    return Deed(
        command_id=CommandId(row.command_id),
        run_id=RunId(row.run_id),
        attempts=msgspec.json.decode(row.attempts, type=dict[str, int]),
    )


def _run(row: sa.Row[Any]) -> FollowedRun:
    return FollowedRun(
        command_id=CommandId(row.command_id),
        run=msgspec.json.decode(row.state, type=Run),
        repo=RepoName(row.repo),
        sha=Sha(row.sha),
        workflow=row.workflow,
        job=row.job,
        followed_since=row.followed_since,
        is_inline=row.is_inline,
        in_fork=row.in_fork,
        note=row.note,
        failure=row.failure,
        looks=row.looks,
        next_look_at=row.next_look_at,
    )
