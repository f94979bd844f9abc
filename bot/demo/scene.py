"""What a person can do in `depot-bot demo --serve`, and what there is to be seen.

There are two pull requests: one from a branch of the repository and one from a fork.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.core.types import WORKFLOW_FOLDER
from bot.demo.play import PULL, REPO
from bot.demo.simulators.depot import Run
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


ERROR = "AssertionError: the total is 4, expected 3"
"""How a job fails here: an error by which it is known again."""


class NotPossible(Exception):
    """GitHub would not let somebody do that; the text says why."""


@dataclass
class Scene:
    """The pull requests, and the hands of those who act on them."""

    stage: Stage
    desk: Desk = field(init=False)
    pulls: tuple[int, ...] = field(init=False)
    """Their numbers; the last is the fork's."""
    _pushes: int = 0
    _spared: set[str] | None = None
    """While the next job is to fail: the attempts that were there before that was asked for."""

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

    def break_main(self, _: int, who: str) -> None:
        """A push to the base branch, after which the last job of `ci.yml` fails there."""
        self._needs(who, "push", "admin", "maintain", "write")
        self._pushes += 1
        changes = {"prices.py": f"TAX = 1.{self._pushes}\n"}
        message = f"Raise the tax {self._pushes}"
        sha = self.stage.github.commit(REPO, "main", changes, message=message, author=who)
        depot = self.stage.depot
        run = depot.foreign_run(REPO, sha, f"{WORKFLOW_FOLDER}/ci.yml", trigger="push")
        depot.plan(run_id=run.run_id, job="test", outcome="failed", error_message=ERROR)

    def fail_next_job(self, _: int, __: str) -> None:
        runs = self.stage.depot.runs
        self._spared = {attempt.attempt_id for run in runs for *_, attempt in run.tree()}

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
    def is_job_to_fail(self) -> bool:
        return self._spared is not None

    @property
    def is_answer_to_be_lost(self) -> bool:
        return any(fault.left for fault in self.stage.depot.faults.arranged)

    def tick(self) -> None:
        """What has to be looked after all the time: the job that is to fail."""
        if self._spared is None:
            return
        for run in self.stage.depot.runs:
            if run.trigger == "push":
                continue
            fresh = [
                (job, attempt)
                for _, job, attempt in run.tree()
                if attempt.attempt_id not in self._spared and not job.over
            ]
            if fresh:
                job, attempt = fresh[-1]
                self.stage.depot.plan(
                    run_id=run.run_id,
                    job=job.spec.key,
                    attempt=attempt.number,
                    outcome="failed",
                    error_message=ERROR,
                )
                self._spared = None
                return


ACTIONS: Mapping[str, Callable[[Scene, int, str], None]] = {
    "push": Scene.push,
    "fail": Scene.fail_next_job,
    "break": Scene.break_main,
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
