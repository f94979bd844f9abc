"""Whether a failure was seen before, and where: what makes two failures the same, and what of all
that is known is evidence. Pure.

What PyTorch's Dr. CI had to learn (pytorch/test-infra issues 5028, 5046 and 5537, pull requests
4799 and 5308) holds here: an error that all failures share is no evidence, and neither is the same
change seen twice. So these are left out:

- pull requests that had a head commit in common with this one, and other pull requests of its
  author: they may be of one stack, or the same change opened again. A bot's pull requests are not
  taken for one stack.
- the runs of the base branch that held this very change: from its own merge, or from a commit of
  its author that was reverted, up to the revert.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from hashlib import sha256

from bot.core import jobs as jobs_
from bot.core.failures import BranchCommit, Evidence, JobFailure, ListedWorkflow
from bot.core.runs import Diagnosis, Run
from bot.core.types import RunId, Sha
from bot.messages.markdown import clean

MAX_BASE_RUNS = 20
"""Runs of one workflow on the base branch, the newest, that are looked at."""

MAX_FAILURES = 5
"""Failures of one run, the first, that are looked for elsewhere."""

MAX_ERROR = 4000
"""Characters of an error by which it is known again."""

# --- what makes two failures the same ------------------------------------------------------------

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_HEX = re.compile(r"\b(?:0x[0-9a-f]+|(?=[a-f]*[0-9])[0-9a-f]{7,64})\b", re.IGNORECASE)
_DURATION = re.compile(
    r"\b[0-9]+(?:[.,][0-9]+)?[ ]?(?:ns|µs|us|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
_MONTH = re.compile(
    r"\b(?:mon|tue|wed|thu|fri|sat|sun)?,? ?[0-9]{0,2} ?"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6} [0-9]{1,2}\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[0-9]+(?:[.,:/-]+[0-9]+)*")
_WORD = re.compile(r"[^\W\d_]+")

_ENDS_ANY_STEP = re.compile(
    r"\bexit(?:ed)?\b[^\w]*(?:with )?(?:a )?(?:non-?zero )?(?:exit )?(?:code|status)?[ :=]*-?[0-9]"
    r"|\b(?:returned|exited with|exit) (?:a )?non-?zero\b",
    re.IGNORECASE,
)
"""Lines that end any failed step."""

_SAYS_NOTHING = frozenset(
    _WORD.findall(
        """
        a action after an and build by canceled cancelled cause code command completed crashed did
        died due elifecycle err errno error errors errored exceeded exit exited fail failed failing
        failure failures fatal finish finished for got had has have hit in is it its job jobs killed
        limit log lost make maximum minutes more ms no non not npm of on one operation or out output
        passed process reached reason received return returned run runner running s script seconds
        see shutdown sigint sigkill sigterm signal some status step stopped succeed summary task
        terminated test tests than the there this time timed timeout to took unexpected unknown
        unsuccessful unsuccessfully was were while with within without workflow zero
        """
    )
)
"""Words of which the errors are made that any failure may show."""


def family(job_key: str) -> str:
    """A job's key without the file that it begins with and without the part of a matrix."""
    segments = job_key.split(":")
    if len(segments) > 1 and segments[0].endswith((".yml", ".yaml")):
        segments = segments[1:]
    if len(segments) > 1 and segments[-1].startswith("matrix-"):
        segments = segments[:-1]
    return ":".join(segments)


def signature(job_key: str, error: str) -> str:
    """Our name for an error of a job, the same for the same error in another run: without numbers,
    times, hexadecimal digits, line numbers and durations. Empty where the error says nothing: any
    failure may show it."""
    job = family(job_key)
    names = {word.lower() for word in _WORD.findall(job)}
    lines = [
        line
        for line in map(_normal, clean(error[:MAX_ERROR]).split("\n"))
        if {word.lower() for word in _WORD.findall(line)} - _SAYS_NOTHING - names
    ]
    if not lines:
        return ""
    return sha256("\n".join([job, *lines]).encode(errors="replace")).hexdigest()[:32]


def _normal(line: str) -> str:
    """A line without what differs from one run to the next; empty when it ends any failed step."""
    if _ENDS_ANY_STEP.search(line):
        return ""
    for pattern in (_UUID, _MONTH, _DURATION, _HEX, _NUMBER):
        line = pattern.sub("0", line)
    return " ".join(line.split())


# --- what failed in a run ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failed:
    """Attempts of jobs of a run that failed, as they are kept."""

    now: tuple[JobFailure, ...]
    """The newest attempts of jobs that are failed."""
    passed: tuple[JobFailure, ...]
    """Earlier attempts of jobs that passed later."""

    @property
    def all(self) -> tuple[JobFailure, ...]:
        return (*self.now, *self.passed)

    @property
    def has_signature(self) -> bool:
        """Whether there is something to look for elsewhere."""
        return any(one.has_signature for one in self.now)

    @property
    def workflows(self) -> frozenset[str]:
        """The workflows of which there is something to look for."""
        return frozenset(one.workflow for one in self.now if one.has_signature)


def failed_attempts(run: Run, diagnosis: Diagnosis | None, like: JobFailure) -> Failed:
    """The failed attempts of a run that is over, with what Depot's diagnosis says of them. *like*
    has what all of them share."""
    names = jobs_.names(run.jobs)
    errors = _errors(diagnosis)
    now: list[JobFailure] = []
    passed: list[JobFailure] = []
    for workflow in run.workflows:
        for job in workflow.jobs:
            newest = job.newest_attempt
            finished = [one.number for one in job.attempts if one.status == "finished"]
            for attempt in job.attempts:
                if attempt.status != "failed":
                    continue
                error = errors.get((job.job_id, attempt.number), ("", ""))
                later = [number for number in finished if number > attempt.number]
                one = _replaced(
                    like,
                    job_id=job.job_id,
                    attempt=attempt.number,
                    workflow=workflow.file_name,
                    job=names[job.job_id],
                    job_key=job.key,
                    error=error,
                    passed_attempt=min(later, default=None),
                )
                if later:
                    passed.append(one)
                elif attempt is newest and job.status == "failed":
                    now.append(one)
    return Failed(tuple(now), tuple(passed))


def run_signature(run: Run, diagnosis: Diagnosis | None) -> str:
    """Our name for all that failed in a run that is over, the same where the same failed; empty
    where it is not known of each."""
    errors = _errors(diagnosis)
    found = [
        signature(job.key, errors.get((job.job_id, newest.number), ("", ""))[1])
        for job in run.jobs
        if job.status == "failed" and (newest := job.newest_attempt) is not None
    ]
    return "+".join(sorted(set(found))) if all(found) else ""


def failed_on_base(
    listed: ListedWorkflow, diagnosis: Diagnosis, like: JobFailure
) -> tuple[JobFailure, ...]:
    """What failed in a workflow's run on the base branch. Where Depot does not tell all of it there
    is one without a job: of such a run it is not known what else failed."""
    attempts = [
        _replaced(
            like,
            job_id=one.job_id,
            attempt=one.attempt,
            workflow=listed.file_name,
            job=one.job_name or family(one.job_key),
            job_key=one.job_key,
            error=(failure.fingerprint, one.error or failure.error),
        )
        for failure in diagnosis.failures
        for one in failure.attempts
        if one.job_id
    ]
    is_whole = (
        bool(attempts)
        and not diagnosis.is_cut
        and all(failure.count <= len(failure.attempts) for failure in diagnosis.failures)
    )
    if not is_whole:
        attempts.append(
            _replaced(like, job_id=listed.workflow_id, attempt=0, workflow=listed.file_name)
        )
    return tuple(attempts)


def _errors(diagnosis: Diagnosis | None) -> dict[tuple[str, int], tuple[str, str]]:
    """Fingerprint and error of each attempt that a diagnosis names."""
    return {
        (one.job_id, one.attempt): (failure.fingerprint, one.error or failure.error)
        for failure in (diagnosis.failures if diagnosis is not None else ())
        for one in failure.attempts
    }


def _replaced(
    like: JobFailure,
    *,
    job_id: str,
    attempt: int,
    workflow: str,
    job: str = "",
    job_key: str = "",
    error: tuple[str, str] = ("", ""),
    passed_attempt: int | None = None,
) -> JobFailure:
    fingerprint, text = error
    named = signature(job_key, text)
    return JobFailure(
        run_id=like.run_id,
        job_id=job_id,
        attempt=attempt,
        repo=like.repo,
        sha=like.sha,
        workflow=workflow,
        job=job,
        job_key=family(job_key),
        number=like.number,
        author=like.author,
        org_id=like.org_id,
        # An error that all failures share has one fingerprint, too.
        fingerprint=fingerprint if named else "",
        signature=named,
        passed_attempt=passed_attempt,
        repo_id=like.repo_id,
    )


# --- the base branch -----------------------------------------------------------------------------


def own_history(commits: Sequence[BranchCommit]) -> tuple[BranchCommit, ...]:
    """The commits that a branch itself had, newest first: of a merge the first parent, and not what
    was merged. *commits* are those that can be reached from its newest, which is the first."""
    by_sha = {commit.sha: commit for commit in commits}
    found: list[BranchCommit] = []
    next_sha = commits[0].sha if commits else None
    while next_sha is not None and (commit := by_sha.pop(next_sha, None)) is not None:
        found.append(commit)
        next_sha = commit.parents[0] if commit.parents else None
    return tuple(found)


def holding_the_change(
    history: Sequence[BranchCommit], number: int, author: str, heads: Set[Sha]
) -> frozenset[Sha]:
    """The commits of a branch that held the change of a pull request: from its merge, or from a
    commit of its author that was reverted, up to the revert."""
    found: set[Sha] = set()
    for place, commit in enumerate(history):
        later = history[:place]
        reverted = next((n for n in reversed(range(place)) if _reverts(later[n], commit)), None)
        is_own = _is_merge_of(commit, number) or commit.sha in heads
        is_authors = bool(author) and commit.author == author and reverted is not None
        if is_own or is_authors:
            first = 0 if reverted is None else reverted + 1
            found |= {one.sha for one in history[first : place + 1]}
    return frozenset(found)


def _title(commit: BranchCommit) -> str:
    return commit.message.partition("\n")[0].strip()


def _is_merge_of(commit: BranchCommit, number: int) -> bool:
    title = _title(commit)
    if title.startswith("Revert "):
        return False
    return title.endswith(f"(#{number})") or title.startswith(f"Merge pull request #{number} ")


def _reverts(later: BranchCommit, commit: BranchCommit) -> bool:
    """Whether a commit says that it reverts another, in git's words or in those of GitHub."""
    return f"This reverts commit {commit.sha}" in later.message or _title(later).startswith(
        f'Revert "{_title(commit)}"'
    )


@dataclass(frozen=True, slots=True)
class Base:
    """The base branch and the runs there that are looked at."""

    branch: str
    runs: tuple[ListedWorkflow, ...] = ()
    """Newest first."""
    places: Mapping[Sha, int] = field(default_factory=dict)
    """Of the branch's commits, the newest first."""


def base_runs(
    branch: str,
    history: Sequence[BranchCommit],
    listed: Iterable[ListedWorkflow],
    workflows: Set[str],
    left_out: Set[Sha],
) -> Base:
    """The newest runs of some workflows on a branch that are over, the same number of each."""
    places = {commit.sha: place for place, commit in enumerate(history)}
    over = [
        one
        for one in listed
        if one.status in {"finished", "failed"}
        and one.file_name in workflows
        and one.sha in places
        and one.sha not in left_out
    ]
    over.sort(key=lambda one: places[one.sha])
    runs: list[ListedWorkflow] = []
    for workflow in sorted(workflows):
        runs += [one for one in over if one.file_name == workflow][:MAX_BASE_RUNS]
    return Base(branch, tuple(runs), places)


def to_diagnose(base: Base, kept: Iterable[JobFailure], at_most: int) -> tuple[ListedWorkflow, ...]:
    """The newest failed runs of which it is not known what failed."""
    known = {(one.run_id, one.workflow) for one in kept if one.number is None}
    unknown = [
        one
        for one in base.runs
        if one.status == "failed" and (one.run_id, one.file_name) not in known
    ]
    unknown.sort(key=lambda one: base.places[one.sha])
    return tuple(unknown[:at_most])


# --- evidence ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kin:
    """A pull request, and what may hold the same change."""

    number: int
    author: str
    """Login; empty for a bot, and when it is not known."""
    heads: frozenset[Sha] = frozenset()
    """The commits that were its head."""
    numbers: frozenset[int] = frozenset()
    """Other pull requests that had one of them as their head."""

    def has(self, one: JobFailure) -> bool:
        """Whether a failure of a pull request may come from the same change."""
        is_author = bool(self.author) and one.author == self.author
        return one.number in {self.number, *self.numbers} or one.sha in self.heads or is_author


def evidence(
    failed: Failed, kept: Sequence[JobFailure], base: Base | None, kin: Kin
) -> tuple[Evidence, ...]:
    """Where else each failure of a run was seen. *kept* are the failures in the ledger that have
    the same signature or fingerprint, and all of the runs of *base*; no base where nothing is known
    of it. A failure of which there is nothing to say is left out."""
    groups: dict[tuple[str, str], list[JobFailure]] = {}
    for one in failed.now:
        # Jobs that failed in the same way, in Depot's eyes, are one failure.
        key = (one.fingerprint or one.signature, one.workflow)
        if one.has_signature:
            groups.setdefault(key, []).append(one)
    found = [_of(group, kept, base, kin) for group in list(groups.values())[:MAX_FAILURES]]
    passed: dict[int, list[str]] = {}
    for one in failed.passed:
        if one.job_id not in {other.job_id for other in failed.now}:
            passed.setdefault(one.passed_attempt or 0, []).append(one.job)
    found += [
        Evidence(tuple(dict.fromkeys(names)), passed_attempt=attempt)
        for attempt, names in passed.items()
    ]
    return tuple(one for one in found if _says_something(one))


def _says_something(one: Evidence) -> bool:
    has_passed = one.passed_attempt is not None or one.passed_elsewhere
    return bool(one.base_seen or one.pulls or has_passed or one.is_nowhere)


def _of(
    group: Sequence[JobFailure], kept: Sequence[JobFailure], base: Base | None, kin: Kin
) -> Evidence:
    """Where else one failure was seen."""
    run_id, workflow = group[0].run_id, group[0].workflow
    jobs = {one.job_key for one in group}
    same = [one for one in kept if _is_same(one, group)]
    elsewhere = [one for one in same if one.run_id != run_id]
    others = {one.number for one in elsewhere if one.number is not None and not kin.has(one)}
    own = [one.passed_attempt for one in _failed_before(group, kept) if one.passed_attempt]
    passed = {one.run_id for one in elsewhere if one.passed_attempt is not None}
    known, seen = _on_base(same, kept, base, workflow, jobs)
    places = base.places if base is not None else {}
    since = max((one.sha for one in seen), key=lambda sha: places[sha], default=None)
    return Evidence(
        jobs=tuple(dict.fromkeys(one.job for one in group)),
        base=base.branch if base is not None else "",
        base_known=len(known),
        base_seen=len(seen),
        since=since,
        pulls=tuple(sorted(others)),
        passed_attempt=max(own, default=None),
        passed_elsewhere=len(passed),
        is_nowhere=bool(known)
        and not (own or passed)
        # What this pull request had before is not elsewhere.
        and all(one.number == kin.number for one in elsewhere),
    )


def _failed_before(group: Sequence[JobFailure], kept: Sequence[JobFailure]) -> list[JobFailure]:
    """The same failure in earlier attempts of the same jobs of the same run."""
    attempts = {one.job_id: one.attempt for one in group}
    return [
        one
        for one in kept
        if one.run_id == group[0].run_id
        and one.attempt < attempts.get(one.job_id, 0)
        and _is_same(one, group)
    ]


def _is_same(one: JobFailure, group: Sequence[JobFailure]) -> bool:
    if not one.has_signature:
        return False
    return any(
        one.signature == other.signature
        or (one.fingerprint and one.fingerprint == other.fingerprint)
        for other in group
    )


def _on_base(
    same: Sequence[JobFailure],
    kept: Sequence[JobFailure],
    base: Base | None,
    workflow: str,
    jobs: Set[str],
) -> tuple[list[ListedWorkflow], list[ListedWorkflow]]:
    """The runs on the base branch of which it is known whether the same failed there, and those in
    which it did."""
    by_run: dict[tuple[RunId, str], list[JobFailure]] = {}
    for one in kept:
        # What a pull request's command has asked of a run need not be all of it.
        if one.number is None:
            by_run.setdefault((one.run_id, one.workflow), []).append(one)
    with_same = {(one.run_id, one.workflow) for one in same}
    known, seen = [], []
    for listed in base.runs if base is not None else ():
        key = (listed.run_id, listed.file_name)
        if listed.file_name != workflow:
            continue
        if key in with_same:
            seen.append(listed)
            known.append(listed)
        elif listed.status == "finished" or _is_known(by_run.get(key, []), jobs):
            known.append(listed)
    return known, seen


def _is_known(failures: Sequence[JobFailure], jobs: Set[str]) -> bool:
    """Whether it is known of a failed run that these jobs did not fail there in some way that
    nobody can tell."""
    return bool(failures) and all(
        one.attempt > 0 and (one.has_signature or one.job_key not in jobs) for one in failures
    )
