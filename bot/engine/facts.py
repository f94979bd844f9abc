"""Gathers the facts that a decision rests on: each once in a step, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from bot.core.clock import Clock
from bot.core.events import Comment
from bot.core.runs import is_over
from bot.core.single_flight import SingleFlightCache
from bot.core.types import Permission, Sha
from bot.depot.client import Depot
from bot.engine.runs import runs_before, unlisted
from bot.github.errors import GitHubError, GitHubUnavailable, NotFound
from bot.github.repository import Repository
from bot.ops.settings import Limits
from bot.parsing.workflow_file import BadWorkflow, candidates
from bot.rules import policy
from bot.rules.facts import (
    BrokenRules,
    Fact,
    Facts,
    HeadDate,
    RunsAtHead,
    SeenHead,
    Usage,
    WorkflowNames,
)
from bot.rules.policy import Needs, NotYet, StartTarget
from bot.rules.repository_config import BadConfig, Config, Fault, parse
from bot.storage.ledger import Ledger

MAX_FILES = 20
"""Workflow files that are opened to find a job."""

MAX_OTHERS = 5
"""Runs under way that somebody else started, and that are asked for before one is started."""

T = TypeVar("T")
Decided = TypeVar("Decided")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FactReader:
    """Reads facts about one pull request."""

    comment: Comment
    repository: Repository
    depot: Depot
    ledger: Ledger
    clock: Clock
    verbs: Mapping[str, type]
    """The arguments of each command that can be typed, to check the repository's config by."""
    _parsed: SingleFlightCache[str, Config | BrokenRules] = field(
        default_factory=lambda: SingleFlightCache({})
    )
    """The rules: the reaction asks for them beside the decision, and they are parsed once."""

    async def allows_reactions(self) -> bool:
        """Whether the repository wants reactions; a config that is broken forbids none."""
        rules = await self._rules()
        return not isinstance(rules, Config) or "reactions" not in rules.silence

    async def known(self, limits: Limits) -> Facts:
        """What the ledger knows: nobody outside is asked."""
        comment = self.comment
        known = await self.ledger.pull_requests.known(
            comment.repo,
            comment.number,
            comment.author.login,
            policy.LIMIT_SECONDS,
            # What untrusted authors are refused must not use up what others may do.
            counted=policy.COUNTED,
        )
        usage = Usage(
            by_person=known.by_person,
            in_repository=known.in_repository + 1,
            runs=known.runs,
            per_person=limits.per_person,
            per_repository=limits.per_repository,
            runs_per_repository=limits.runs_per_repository,
            is_notified=known.notices > 0,
        )
        return Facts(heads=known.heads, usage=usage)

    async def gather(
        self, facts: Facts, wanted: frozenset[Fact], target: StartTarget | None = None
    ) -> Facts:
        """The facts with those that are wanted; raises what keeps one from being read.

        What is asked of the head is asked beside the head itself where the ledger knows which
        commit that should be. Where it was another, it is asked again.
        """
        if Fact.TEAMS in wanted:
            facts = replace(facts, teams=await self._teams(facts.config.teams))
        seen = self._seen() if Fact.HEAD in wanted else _known(facts.seen)
        sha = self._expected_head(facts, wanted, target)
        if sha is None and wanted & {Fact.WORKFLOWS, Fact.RUNS, Fact.HEAD_DATE}:
            facts = replace(facts, seen=await seen)
            seen = _known(facts.seen)
            sha = facts.seen.head.sha if facts.seen else None
            if not facts.heads and target is not None and target.sha is None:
                wanted |= {Fact.HEAD_DATE}  # it will be asked for next
        if sha and set(sha) == {"0"}:
            sha = None  # no commit (`bot.rules.policy.check_exists`)
        if sha and Fact.JOBS in wanted and facts.workflows is not None:
            facts = replace(facts, workflows=await self._with_jobs(facts.workflows))
        rules, role, head, date, files, runs = await _side_by_side(
            self._rules() if Fact.RULES in wanted else _known(facts.rules),
            self._role() if Fact.ROLE in wanted else _known(facts.role),
            seen,
            _if_there(self._head_date(sha))
            if sha and Fact.HEAD_DATE in wanted
            else _known(facts.head_date),
            _if_there(self._workflows(sha, target))
            if sha and Fact.WORKFLOWS in wanted
            else _known(facts.workflows),
            self._runs(sha, target) if sha and Fact.RUNS in wanted else _known(facts.runs),
        )
        # What is missing at a commit matters only where that is the head.
        if head is None or head.head.sha == sha:
            for missing in (date, files):
                if isinstance(missing, NotFound):
                    raise missing
        return replace(
            facts,
            rules=rules,
            role=role,
            seen=head,
            head_date=date if isinstance(date, HeadDate) else None,
            workflows=files if isinstance(files, WorkflowNames) else None,
            runs=runs,
        )

    async def with_rules(self, facts: Facts) -> Facts:
        """The facts with the repository's rules."""
        if facts.rules is not None:
            return facts
        return await self.gather(facts, frozenset({Fact.RULES}))

    async def with_rules_if_there(self, facts: Facts) -> Facts:
        """The facts with the rules, for what is answered without them as well."""
        try:
            return await self.with_rules(facts)
        except GitHubError as error:
            log.warning("rules_unavailable", error=str(error))
            return facts

    def _expected_head(
        self, facts: Facts, wanted: frozenset[Fact], target: StartTarget | None
    ) -> Sha | None:
        """The commit that is, or should be, the head; none when nobody has heard of it."""
        if Fact.HEAD not in wanted and facts.seen is not None:
            return facts.seen.head.sha
        if target is not None and target.sha is not None:
            return target.sha
        if self.comment.reviewed is not None:
            return self.comment.reviewed
        return facts.heads[0].sha if facts.heads else None

    async def _seen(self) -> SeenHead | None:
        pull = await self.repository.pull_request(self.comment.number)
        return SeenHead(pull.head, pull.is_open, self.clock.now(), pull.author)

    async def _teams(self, teams: Sequence[str]) -> frozenset[str]:
        login = self.comment.author.login
        is_in = await asyncio.gather(*(self.repository.is_in_team(one, login) for one in teams))
        return frozenset(team for team, is_member in zip(teams, is_in, strict=True) if is_member)

    async def _role(self) -> Permission | None:
        return await self.role()

    async def role(self) -> Permission:
        """The author's role; raises what keeps it from being read."""
        return await self.repository.permission(self.comment.author.login)

    async def _rules(self) -> Config | BrokenRules | None:
        return await self._parsed.get("rules", self._read_rules)

    async def _read_rules(self) -> Config | BrokenRules:
        texts = await self.repository.config_texts()
        if not texts:
            return Config()
        path, text = texts[0]
        try:
            if len(texts) > 1:
                raise BadConfig(Fault("there is a `.yml` and a `.yaml` of it"))
            return await asyncio.to_thread(parse, text, self.verbs)
        except BadConfig as wrong:
            return BrokenRules(path, str(wrong))

    async def _head_date(self, sha: Sha) -> HeadDate | None:
        return HeadDate(sha, await self.repository.oldest_check_suite(sha))

    async def _workflows(self, sha: Sha, target: StartTarget | None) -> WorkflowNames | None:
        """The names; the file that is probably meant is fetched beside them."""
        # Its jobs or inputs will be asked for.
        is_read = target is not None and bool(target.jobs or target.is_dispatch)
        typed = target.workflows if target is not None and is_read else ()
        files = candidates(typed[0]) if typed else []
        names, _ = await asyncio.gather(
            self.repository.workflow_names(sha),
            asyncio.gather(*(self._fetch(sha, name) for name in files)),
        )
        return WorkflowNames(sha, names)

    async def _fetch(self, sha: Sha, name: str) -> None:
        """Have a file at hand that may be there."""
        with suppress(NotFound):
            await self.repository.workflow_text(sha, name)

    async def _with_jobs(self, known: WorkflowNames) -> WorkflowNames:
        """The workflows with the jobs of each, as far as they can be read."""
        names = known.names[:MAX_FILES]
        jobs = await asyncio.gather(*(self._jobs(known.sha, name) for name in names))
        unread = dict.fromkeys(known.names[MAX_FILES:])
        return replace(known, jobs={**dict(zip(names, jobs, strict=True)), **unread})

    async def _jobs(self, sha: Sha, name: str) -> tuple[str, ...] | None:
        try:
            return (await self.repository.workflow_outline(sha, name)).keys
        except BadWorkflow:
            return None

    async def _runs(self, sha: Sha, target: StartTarget | None) -> RunsAtHead | None:
        repo = self.comment.repo
        if target is not None and target.is_dispatch:
            listed = await runs_before(self.depot, repo, sha, is_dispatch=True)
            return RunsAtHead(sha, True, tuple(listed), ())
        listed = await self.depot.runs(repo, sha)
        tracked = await self.ledger.items.tracked_runs_at(repo, sha)
        listed += unlisted(listed, tracked)
        known = {run.run.run_id for run in tracked}
        active = [run for run in listed if not is_over(run.status) and run.run_id not in known]
        others = await asyncio.gather(
            *(self.depot.run_status(run.run_id) for run in active[:MAX_OTHERS])
        )
        return RunsAtHead(sha, False, tuple(listed), tuple(tracked), tuple(others))


async def _if_there(reading: Awaitable[T]) -> T | NotFound:
    """What is read, or that GitHub does not have it."""
    try:
        return await reading
    except NotFound as error:
        return error


async def _known(value: T) -> T:
    """A fact that needs no reading."""
    return value


A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


async def _side_by_side(
    a: Awaitable[A],
    b: Awaitable[B],
    c: Awaitable[C],
    d: Awaitable[D],
    e: Awaitable[E],
    f: Awaitable[F],
) -> tuple[A, B, C, D, E, F]:
    """All six, once each has ended; raises the first error."""
    started = (
        asyncio.ensure_future(a),
        asyncio.ensure_future(b),
        asyncio.ensure_future(c),
        asyncio.ensure_future(d),
        asyncio.ensure_future(e),
        asyncio.ensure_future(f),
    )
    await asyncio.wait(started)
    return await asyncio.gather(*started)


async def in_turns(
    decide: Callable[[Facts], Decided | Needs | NotYet],
    facts: Facts,
    reader: FactReader,
    target: StartTarget | None = None,
) -> tuple[Decided, Facts]:
    """Gather and decide take turns until there is a decision; raises GitHubUnavailable."""
    while True:
        decision = decide(facts)
        if isinstance(decision, NotYet):
            raise GitHubUnavailable("the API does not know the newest head yet")
        if not isinstance(decision, Needs):
            return decision, facts
        facts = await reader.gather(facts, decision.facts, target)
