"""What a person can do in `depot-bot demo --serve`, and what there is to be seen.

There are two pull requests: one from a branch of the repository and one from a fork.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from bot.core.types import WORKFLOW_FOLDER
from bot.demo.play import PULL, REPO
from bot.demo.simulators.depot import Job, Run
from bot.demo.simulators.github import Comment, PullRequest
from bot.demo.simulators.github.events import Commented, Event, PullRequestChanged, Reviewed
from bot.demo.stage import Stage

NO_ROLE = "no role"

PEOPLE: Mapping[str, str] = {
    "ada": "admin",
    "maya": "maintain",
    "alice": "write",
    "trudy": "triage",
    "rita": "read",
    "mallory": NO_ROLE,
}
"""Who one can be, and the role in the repository, which is public."""

FORK_OWNER = "mallory"

LABEL = "full-ci"

PUSH = "push"
"""The trigger of the base branch's runs."""

CONFIG = f"""\
forks: pinned
show: [diagnosis, logs]
automations:
  - on: labeled
    label: {LABEL}
    do: run e2e.yml
  - on: review_approved
    do: run ci.yml
"""


class NextRun(Enum):
    """What happens to the runs that begin from now on, and to what is retried from now on."""

    PASSES = "passes"
    FAILS = "fails"
    FLAKY = "flaky"
    """It fails once, and passes when it is retried; it fails again when it is run again."""
    MAIN_IS_BROKEN = "broken"
    """It fails as the newest run of the base branch does."""


@dataclass(frozen=True, slots=True)
class Failing:
    """How a job fails."""

    error: str
    """By which the failure is known again."""
    diagnosis: str
    possible_fix: str
    log: tuple[str, ...] | None = None
    """None for the simulated Depot's usual one."""


def _log(error: str) -> tuple[str, ...]:
    return ("$ make test", "tests/test_basket.py::test_total FAILED", f"E   {error}", "1 failed")


_LATE = "TimeoutError: the shop did not answer within 30 s"
_TAX = "TypeError: the tax of the basket is no number"

FAILURES: Mapping[NextRun, Failing] = {
    NextRun.FAILS: Failing(
        "AssertionError: the total is 4, expected 3",
        "A test expects 3 and gets 4.",
        "Count the items after the discount, not before.",
    ),
    NextRun.FLAKY: Failing(
        _LATE,
        "The test does not wait until the shop has started.",
        "Wait for the shop before the first request.",
        _log(_LATE),
    ),
    NextRun.MAIN_IS_BROKEN: Failing(
        _TAX,
        "The tax is text since it is read from a file.",
        "Make a number of it.",
        _log(_TAX),
    ),
}


class NotPossible(Exception):
    """GitHub would not let somebody do that; the text says why."""


@dataclass
class Scene:
    """The pull requests, and the hands of those who act on them."""

    stage: Stage
    desk: Desk = field(init=False)
    pulls: tuple[int, ...] = field(init=False)
    """Their numbers; the last is the fork's."""
    next_run: NextRun = NextRun.PASSES
    _pushes: int = 0
    _seen: set[str] = field(default_factory=set)
    """The attempts of which it is decided how they end, by id."""

    def __post_init__(self) -> None:
        github = self.stage.github
        github.repository_named(REPO).internal = False
        for login, role in PEOPLE.items():
            if role != NO_ROLE:
                github.role(REPO, login, role)
        github.commit(REPO, "main", {".github/depot-bot.yml": CONFIG}, message="Rules")
        fork = github.pull_request(
            REPO,
            FORK_OWNER,
            branch="exact-sum",
            files={"basket.py": "from math import fsum as total\n"},
            title="Sum exactly",
            fork=github.fork(REPO, FORK_OWNER),
        )
        self.pulls = (PULL, fork.number)
        self.stage.depot.plan(queued=0.8, seconds=4.0)
        self.desk = Desk(self.stage)
        for number in self.pulls:
            self.desk.heads[number] = {self.pull(number).head_sha}

    def pull(self, number: int) -> PullRequest:
        return self.stage.github.pull(REPO, number)

    def runs(self, number: int) -> list[Run]:
        """The runs of a pull request, newest first."""
        heads = self.desk.heads[number]
        return [run for run in reversed(self.stage.depot.runs) if run.sha in heads]

    def pull_of(self, run: Run) -> int:
        """The number of the pull request that a run belongs to."""
        return next((n for n in self.pulls if run.sha in self.desk.heads[n]), PULL)

    def comment(self, number: int, who: str, text: str) -> None:
        self.stage.github.comment(REPO, number, who, text)

    def push(self, number: int, who: str) -> None:
        pull = self.pull(number)
        if not (pull.from_fork and who == pull.author.login):
            self._needs(who, "push", "admin", "maintain", "write")
        self._pushes += 1
        changes = {
            "basket.py": f"def total(prices):\n    return sum(prices) * 0.9  # {self._pushes}\n"
        }
        self.stage.github.push(REPO, number, changes, message=f"Change {self._pushes}", by=who)

    def choose(self, next_run: NextRun, who: str) -> None:
        """Choose what happens to the next run; to break the base branch, *who* pushes to it."""
        if next_run is NextRun.MAIN_IS_BROKEN:
            self._break_main(who)
        self.next_run = next_run

    def _break_main(self, who: str) -> None:
        """A push to the base branch, after which a job of `ci.yml` fails there."""
        self._needs(who, "push", "admin", "maintain", "write")
        self._pushes += 1
        changes = {"prices.py": f"TAX = 1.{self._pushes}\n"}
        message = f"Raise the tax {self._pushes}"
        sha = self.stage.github.commit(REPO, "main", changes, message=message, author=who)
        depot = self.stage.depot
        run = depot.foreign_run(REPO, sha, f"{WORKFLOW_FOLDER}/ci.yml", trigger=PUSH)
        self._fail(run, "test", 1, FAILURES[NextRun.MAIN_IS_BROKEN])
        depot.finish(run.run_id, jobs={"test": "failed"})

    def _fail(self, run: Run, job: str, attempt: int, how: Failing) -> None:
        self.stage.depot.plan(
            run_id=run.run_id,
            job=job,
            attempt=attempt,
            outcome="failed",
            log=how.log,
            error_message=how.error,
            diagnosis=how.diagnosis,
            possible_fix=how.possible_fix,
        )

    def lose_next_answer(self, _: int, __: str) -> None:
        if not self.is_answer_to_be_lost:
            self.stage.depot.faults.drop("Run")

    def label(self, number: int, who: str) -> None:
        self._needs(who, "label", "admin", "maintain", "write", "triage")
        if any(label.name == LABEL for label in self.pull(number).labels):
            self.stage.github.unlabel(REPO, number, LABEL, by=who)
        self.stage.github.label(REPO, number, LABEL, by=who)

    def approve(self, number: int, who: str) -> None:
        if who == self.pull(number).author.login:
            raise NotPossible("GitHub lets nobody approve a pull request of their own.")
        self.stage.github.review(REPO, number, who, "Looks good.", "approved")

    def _needs(self, who: str, what: str, *roles: str) -> None:
        if PEOPLE[who] not in roles:
            raise NotPossible(f"{who} may not {what} here: GitHub wants the {roles[-1]} role.")

    @property
    def is_answer_to_be_lost(self) -> bool:
        return any(fault.left for fault in self.stage.depot.faults.arranged)

    def tick(self) -> None:
        """What has to be looked after all the time: how new attempts of jobs end. Of those that
        begin together the last fails, if any does."""
        for run in self.stage.depot.runs:
            new = [
                (job, attempt)
                for _, job, attempt in run.tree()
                if attempt.attempt_id not in self._seen
            ]
            self._seen.update(attempt.attempt_id for _, attempt in new)
            under_way = [(job, attempt) for job, attempt in new if not job.over]
            how = FAILURES.get(self.next_run)
            if not under_way or how is None or run.trigger == PUSH:
                continue
            job, attempt = under_way[-1]
            if self.next_run is not NextRun.FLAKY or not _has_just_failed(job):
                self._fail(run, job.spec.key, attempt.number, how)


def _has_just_failed(job: Job) -> bool:
    return len(job.attempts) > 1 and job.attempts[-2].status == "failed"


def _choice(next_run: NextRun) -> Callable[[Scene, int, str], None]:
    def choose(scene: Scene, _: int, who: str) -> None:
        scene.choose(next_run, who)

    return choose


ACTIONS: Mapping[str, Callable[[Scene, int, str], None]] = {
    **{next_run.value: _choice(next_run) for next_run in NextRun},
    "push": Scene.push,
    "lose": Scene.lose_next_answer,
    "label": Scene.label,
    "approve": Scene.approve,
}
"""What the page's buttons do, by the name that they send."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something on a pull request that is no comment."""

    number: int
    who: str
    what: str
    at: float
    body: str = ""


@dataclass
class Desk:
    """The conversations in the order in which they came about, by pull request."""

    stage: Stage
    entries: dict[int, list[Comment | Happened]] = field(default_factory=dict)
    heads: dict[int, set[str]] = field(default_factory=dict)
    """All heads that a pull request has had."""
    _happened: int = 0

    def __post_init__(self) -> None:
        self.stage.github.listen(self._hear)

    def on(self, number: int) -> list[Comment | Happened]:
        """The conversation on a pull request."""
        return self.entries.setdefault(number, [])

    def _hear(self, event: Event) -> None:
        match event:
            case Commented(action="created", comment=comment):
                self.on(comment.issue.number).append(comment)
            case Commented(action="deleted", comment=comment):
                self.on(comment.issue.number).remove(comment)
            case PullRequestChanged(action="synchronize", pull=pull, sender=sender):
                self.heads.setdefault(pull.number, set()).add(pull.head_sha)
                message = pull.head_repository.commits[pull.head_sha].message
                self._note(pull, sender.login, f"pushed {pull.head_sha[:7]}: {message}")
            case PullRequestChanged(action="labeled", pull=pull, sender=sender, label=label) if (
                label
            ):
                self._note(pull, sender.login, f"added the label {label.name}")
            case Reviewed(review=review, sender=sender):
                text = "approved" if review.state == "approved" else "reviewed"
                self._note(review.pull, sender.login, text, review.body)
            case _:
                pass

    def _note(self, pull: PullRequest, who: str, what: str, body: str = "") -> None:
        self._happened += 1
        now = self.stage.github.now()
        self.on(pull.number).append(Happened(self._happened, who, what, now, body))
