"""What makes two failures the same, and what of all that is known is evidence. Pure."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from bot.core.failures import BranchCommit, Evidence, JobFailure, ListedWorkflow
from bot.core.runs import Attempt, Diagnosis, FailedAttempt, Failure, Job, Run, Workflow
from bot.core.types import RepoName, RunId, Sha
from bot.rules.known_failures import (
    MAX_BASE_RUNS,
    MAX_ERROR,
    MAX_FAILURES,
    Base,
    Failed,
    Kin,
    base_runs,
    evidence,
    failed_attempts,
    failed_on_base,
    family,
    holding_the_change,
    own_history,
    signature,
    to_diagnose,
)

ERROR = "AssertionError: no basket"
KEY = "ci.yml:test"


def sha(letter: str) -> Sha:
    return Sha(letter * 40)


# --- signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tests/test_a.py:21: AssertionError", "tests/test_a.py:34:7: AssertionError"),
        ("basket holds 3 items", "basket holds 17 items"),
        ("basket took 1.5s", "basket took 900 ms"),
        ("basket took 1 min", "basket took 90 seconds"),
        ("2026-11-27T02:15:21.123Z basket lost", "2025-01-02T13:59:00.9Z basket lost"),
        ("Fri Nov 27 02:15:21 basket lost", "Mon Jan 2 13:59:00 basket lost"),
        ("basket at 0x7f9c8c99c450 lost", "basket at 0x1 lost"),
        ("no layer 3f2c1d09b8a7", "no layer a" + "0" * 11),
        (
            "basket 123e4567-e89b-12d3-a456-426614174000 lost",
            "basket AAAAAAAA-e89b-12d3-a456-ffffffffffff lost",
        ),
        ("\x1b[31mbasket lost\x1b[0m", "basket   lost"),
        ("basket lost\nProcess completed with exit code 1", "basket lost\nexit status 2"),
        ("basket lost\n\n", "basket lost"),
    ],
)
def test_the_same_error(one: str, other: str) -> None:
    assert signature(KEY, one) == signature(KEY, other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("basket lost", "basket found"),
        ("tests/test_a.py:21: AssertionError", "tests/test_b.py:21: AssertionError"),
        ("no package facade", "no package decade"),
        ("basket lost", "basket lost\nbasket found"),
    ],
)
def test_another_error(one: str, other: str) -> None:
    assert signature(KEY, one) != signature(KEY, other)


def test_the_same_error_of_another_job_is_another() -> None:
    assert signature("ci.yml:test", ERROR) != signature("ci.yml:lint", ERROR)
    assert signature("ci.yml:test", ERROR) == signature("test", ERROR)
    assert signature("ci.yml:test:matrix-0", ERROR) == signature("ci.yml:test:matrix-3", ERROR)


@pytest.mark.parametrize(
    "error",
    [
        "",
        " \n ",
        "Process completed with exit code 1.",
        "##[error]Process completed with exit code 127",
        "exit status 2",
        "exit: 1",
        "Step 2 exited with code 1",
        "Command failed with exit code 1: npm run build",
        "pytest returned non-zero exit status 1",
        "make: *** [test] Error 2",
        "npm ERR! code ELIFECYCLE",
        "The operation was canceled.",
        "The runner has received a shutdown signal.",
        "The job has exceeded its time limit",
        "Error: test failed",
        "1 test failed, 130 passed in 2.04s",
        "unknown error",
        "12:34:56",
    ],
)
def test_an_error_that_any_failure_may_show_has_no_signature(error: str) -> None:
    assert signature(KEY, error) == ""


@pytest.mark.parametrize(
    "error",
    ["no space left on device", "TypeError", "connection refused", "ошибка", "npm ci: E404"],
)
def test_an_error_that_says_something_has_one(error: str) -> None:
    assert signature(KEY, error) != ""


@pytest.mark.parametrize(
    "unit", ["0", "a", "0a", "1:", "0-", "1 ", "exit ", "ab12", "\ud800", "Jan "]
)
def test_hostile_errors_cost_little(unit: str) -> None:
    """Linear, so that four thousand characters take milliseconds; a second is out of any order."""
    started = time.process_time()
    signature(KEY, unit * (2 * MAX_ERROR))
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ci.yml:test", "test"),
        ("ci.yaml:test:matrix-12", "test"),
        ("ci.yml:call:test", "call:test"),
        ("test", "test"),
        ("test:matrix-1", "test"),
        ("call:test", "call:test"),
        ("matrix-1", "matrix-1"),
        ("_inline_0.yaml:test", "test"),
        ("", ""),
    ],
)
def test_the_family_of_a_job(key: str, name: str) -> None:
    assert family(key) == name


# --- what failed in a run ------------------------------------------------------------------------

LIKE = JobFailure(
    *(RunId("r1"), "", 0, RepoName("octo/hello"), sha("a"), "", "", ""),
    number=7,
    author="alice",
    org_id="org",
    repo_id=4711,
)


def job(job_id: str, key: str, status: str, *attempts: str) -> Job:
    tried = (Attempt(f"{job_id}{n}", n, state) for n, state in enumerate(attempts, 1))
    return Job(job_id, f"ci.yml:{key}", status, attempts=tuple(tried))


def run_of(*jobs: Job) -> Run:
    workflow = Workflow("w1", ".depot/workflows/ci.yml", "failed", jobs=jobs)
    return Run(RunId("r1"), "org", "failed", (workflow,))


def told(job_id: str, key: str, attempt: int, error: str = ERROR, fingerprint: str = "") -> Failure:
    one = FailedAttempt(job_id, f"ci.yml:{key}", "", attempt)
    return Failure((key,), 1, error, "", "", (), fingerprint, (one,))


def test_what_failed_and_what_passed_later() -> None:
    run = run_of(
        job("j1", "test", "failed", "failed", "cancelled", "failed"),
        job("j2", "lint", "finished", "failed", "failed", "finished"),
        job("j3", "build", "finished", "finished"),
        job("j4", "deploy", "skipped"),
    )
    failed = failed_attempts(run, Diagnosis((told("j1", "test", 3, fingerprint="f"),)), LIKE)
    (now,) = failed.now
    assert now == replace(
        LIKE,
        job_id="j1",
        attempt=3,
        workflow="ci.yml",
        job="test",
        job_key="test",
        fingerprint="f",
        signature=signature(KEY, ERROR),
    )
    passed = [(one.job_id, one.attempt, one.passed_attempt) for one in failed.passed]
    assert passed == [("j2", 1, 3), ("j2", 2, 3)]
    assert failed.all == (now, *failed.passed)
    assert failed.has_signature
    assert failed.workflows == {"ci.yml"}


def test_a_generic_error_has_no_fingerprint_either() -> None:
    run = run_of(job("j1", "test", "failed", "failed"))
    generic = Diagnosis((told("j1", "test", 1, "exit status 1", "f"),))
    for diagnosis in (generic, None, Diagnosis()):
        failed = failed_attempts(run, diagnosis, LIKE)
        assert [(one.fingerprint, one.signature) for one in failed.now] == [("", "")]
        assert not failed.has_signature
        assert failed.workflows == set()


def listed(run_id: str, at: str, status: str = "failed", name: str = "ci.yml") -> ListedWorkflow:
    return ListedWorkflow(f"w-{run_id}", RunId(run_id), sha(at), status, name)


def test_what_failed_on_the_base_branch() -> None:
    ours = replace(LIKE, number=None, author="")
    named = FailedAttempt("j1", "ci.yml:test", "Test (3.11)", 2, "its own error")
    whole = Diagnosis((replace(told("j1", "test", 2), attempts=(named,)),))
    (one,) = failed_on_base(listed("m1", "b"), whole, ours)
    assert (one.job, one.job_key, one.attempt) == ("Test (3.11)", "test", 2)
    assert (one.workflow, one.signature) == ("ci.yml", signature(KEY, "its own error"))
    bare = Diagnosis((told("j1", "test", 1),))
    assert [one.job for one in failed_on_base(listed("m1", "b"), bare, ours)] == ["test"]


@pytest.mark.parametrize(
    "diagnosis",
    [
        Diagnosis(),
        Diagnosis((told("j1", "test", 1),), is_cut=True),
        Diagnosis((replace(told("j1", "test", 1), count=2),)),
        Diagnosis((replace(told("", "test", 1)),)),
    ],
)
def test_what_depot_does_not_tell_in_whole(diagnosis: Diagnosis) -> None:
    *_, last = failed_on_base(listed("m1", "b"), diagnosis, LIKE)
    assert (last.job_id, last.attempt, last.job, last.signature) == ("w-m1", 0, "", "")


# --- the base branch -----------------------------------------------------------------------------


def commit(
    letter: str, *parents: str, author: str = "zoe", message: str = "Change"
) -> BranchCommit:
    return BranchCommit(sha(letter), author, message, tuple(map(sha, parents)))


def shas(letters: str) -> set[Sha]:
    return set(map(sha, letters))


def test_a_branchs_own_history_goes_by_first_parents() -> None:
    merged = [commit("e", "d", "c"), commit("d", "b"), commit("c", "b"), commit("b", "a")]
    assert [one.sha for one in own_history(merged)] == list(map(sha, "edb"))
    assert [one.sha for one in own_history([commit("a")])] == [sha("a")]
    assert own_history([]) == ()
    # Nothing goes round in circles, whatever GitHub says.
    assert len(own_history([commit("b", "a"), commit("a", "b")])) == 2


HISTORY = [commit(letter, message=f"Change {letter}") for letter in "edcba"]
"""Newest first."""


def history(**changed: BranchCommit) -> list[BranchCommit]:
    return [changed.get(one.sha[0], one) for one in HISTORY]


@pytest.mark.parametrize(
    ("commits", "held"),
    [
        (history(), ""),
        (history(b=commit("b", message="A change (#7)\n\nMore")), "edcb"),
        (history(b=commit("b", message="Merge pull request #7 from x/y")), "edcb"),
        (history(b=commit("b", message="A change (#77)")), ""),
        (history(b=commit("b", message="See (#7) for more")), ""),
        (
            history(
                b=commit("b", message="A change (#7)"),
                d=commit("d", message='Revert "A change (#7)" (#9)'),
            ),
            "cb",
        ),
        (
            history(
                b=commit("b", author="alice", message="Count"),
                d=commit("d", message=f'Revert "Count"\n\nThis reverts commit {sha("b")}.'),
            ),
            "cb",
        ),
        # The revert of this pull request does not hold its change.
        (history(b=commit("b", message='Revert "Old (#3)" (#7)')), ""),
        # Not reverted: what its author did before is another change.
        (history(b=commit("b", author="alice", message="Count")), ""),
        # Reverted, and of somebody else.
        (
            history(
                b=commit("b", message="Count"),
                d=commit("d", message=f"Oops\n\nThis reverts commit {sha('b')}."),
            ),
            "",
        ),
    ],
)
def test_what_holds_the_same_change(commits: list[BranchCommit], held: str) -> None:
    assert holding_the_change(commits, 7, "alice", set()) == shas(held)


def test_its_own_head_on_the_base_branch_holds_its_change() -> None:
    assert holding_the_change(HISTORY, 7, "", shas("c")) == shas("edc")


def test_the_runs_of_the_base_branch() -> None:
    runs = [
        listed("m1", "a", "finished"),
        listed("m2", "e"),
        listed("m3", "c", "running"),
        listed("m4", "d", "cancelled"),
        listed("m5", "f"),  # of no commit there
        listed("m6", "c", name="other.yml"),
        listed("m7", "b"),  # holds the same change
        listed("m8", "c"),
    ]
    base = base_runs("main", HISTORY, runs, {"ci.yml"}, shas("b"))
    assert [one.run_id for one in base.runs] == ["m2", "m8", "m1"]
    assert base.branch == "main"
    many = [listed(f"m{n}", "c") for n in range(30)] + [listed("o", "c", name="other.yml")]
    base = base_runs("main", HISTORY, many, {"ci.yml", "other.yml"}, set())
    assert len(base.runs) == MAX_BASE_RUNS + 1


def test_the_newest_unknown_failures_are_diagnosed() -> None:
    runs = [listed("m1", "a"), listed("m2", "b"), listed("m3", "c"), listed("m4", "d", "finished")]
    runs += [listed("m5", "e", name="other.yml")]
    base = base_runs("main", HISTORY, runs, {"ci.yml", "other.yml"}, set())
    ours = replace(LIKE, number=None, workflow="ci.yml")
    known = [replace(ours, run_id=RunId("m3")), replace(ours, run_id=RunId("m5"))]
    known.append(replace(ours, run_id=RunId("m2"), number=7))  # not all of it, perhaps
    assert [one.run_id for one in to_diagnose(base, known, 2)] == ["m5", "m2"]
    assert to_diagnose(base, known, 0) == ()


# --- evidence ------------------------------------------------------------------------------------

OWN = replace(LIKE, job_id="j1", attempt=3, workflow="ci.yml", job="test", job_key="test")
OWN = replace(OWN, signature="s")
KIN = Kin(7, "alice", frozenset(shas("a")), frozenset({8}))


def other(run_id: str, number: int | None = 9, at: str = "f", **changes: object) -> JobFailure:
    """The same failure elsewhere."""
    one = replace(OWN, run_id=RunId(run_id), number=number, sha=sha(at), author="bob", attempt=1)
    return replace(one, **changes)  # type: ignore[arg-type]


def base_of(*runs: ListedWorkflow) -> Base:
    return base_runs("main", HISTORY, runs, {"ci.yml"}, set())


GREEN = [listed("g1", "e", "finished"), listed("g2", "d", "finished")]


def found(*kept: JobFailure, base: Base | None = None, own: JobFailure = OWN) -> Evidence | None:
    (one,) = evidence(Failed((own,), ()), kept, base, KIN) or (None,)
    return one


def test_nothing_is_known() -> None:
    assert found() is None
    assert found(base=base_of()) is None
    assert found(base=base_of(listed("m1", "c"))) is None


def test_seen_nowhere_else() -> None:
    assert found(base=base_of(*GREEN)) == Evidence(("test",), "main", 2, is_nowhere=True)


def test_seen_on_the_base_branch() -> None:
    runs = base_of(*GREEN, listed("m1", "c"), listed("m2", "a"), listed("m3", "b"))
    kept = [
        other("m1", None, "c"),
        other("m2", None, "a"),
        other("m3", None, "b", signature="another"),
    ]
    assert found(*kept, base=runs) == Evidence(("test",), "main", 5, 2, sha("a"))


def test_a_job_that_failed_there_in_a_way_that_nobody_can_tell() -> None:
    runs = base_of(*GREEN, listed("m1", "c"), listed("m2", "b"))
    mute = other("m1", None, "c", signature="")
    elsewhere = other("m2", None, "b", signature="", job_key="lint")
    one = found(mute, elsewhere, base=runs)
    assert one is not None
    assert (one.base_known, one.is_nowhere) == (3, True)
    in_part = other("m2", None, "b", signature="", job_key="", attempt=0)
    one = found(mute, elsewhere, in_part, base=runs)
    assert one is not None
    assert one.base_known == 2
    by_command = other("m2", 7, "b", signature="x")
    one = found(mute, by_command, base=runs)
    assert one is not None
    assert one.base_known == 2


def test_another_workflow_of_the_same_run_is_another_matter() -> None:
    runs = base_runs(
        "main", HISTORY, [listed("m1", "c"), listed("m1", "c", "finished", "o.yml")],
        {"ci.yml", "o.yml"}, set(),
    )  # fmt: skip
    own = replace(OWN, workflow="o.yml")
    assert found(other("m1", None, "c", signature="x"), base=runs, own=own) == Evidence(
        ("test",), "main", 1, is_nowhere=True
    )


def test_on_other_pull_requests() -> None:
    kept = [other("r2", 12), other("r3", 9), other("r4", 9)]
    assert found(*kept) == Evidence(("test",), pulls=(9, 12))


@pytest.mark.parametrize(
    "kin",
    [
        other("r2", 8),  # had the same head
        other("r2", 9, "a"),  # ran the same commit
        other("r2", 9, author="alice"),  # may be of one stack
    ],
)
def test_the_same_change_is_no_evidence_and_not_nowhere(kin: JobFailure) -> None:
    assert found(kin, base=base_of(*GREEN)) is None


def test_its_own_earlier_runs_are_not_elsewhere() -> None:
    assert found(other("r2", 7), base=base_of(*GREEN)) == Evidence(
        ("test",), "main", 2, is_nowhere=True
    )


def test_bots_have_no_stacks() -> None:
    kept = [other("r2", 9, author="")]
    (one,) = evidence(Failed((OWN,), ()), kept, None, replace(KIN, author=""))
    assert one.pulls == (9,)


def test_by_fingerprint() -> None:
    own = replace(OWN, fingerprint="f")
    kept = [other("r2", 9, fingerprint="f", signature="x"), other("r3", 10, signature="")]
    assert found(*kept, own=own) == Evidence(("test",), pulls=(9,))


def test_passed_in_another_attempt() -> None:
    earlier = replace(OWN, attempt=1, passed_attempt=2)
    kept = [
        earlier,
        replace(earlier, job_id="j9"),  # another job
        replace(earlier, signature="x"),  # another failure
        replace(OWN, attempt=2),  # did not pass
    ]
    assert found(*kept, base=base_of(*GREEN)) == Evidence(("test",), "main", 2, passed_attempt=2)
    assert found(other("r2", 7, passed_attempt=2), base=base_of(*GREEN)) == Evidence(
        ("test",), "main", 2, passed_elsewhere=1
    )


def test_jobs_that_failed_alike_are_one_failure() -> None:
    one, two = replace(OWN, fingerprint="f"), replace(OWN, job_id="j2", job="lint", fingerprint="f")
    mute = replace(OWN, job_id="j3", job="build", signature="")
    (only,) = evidence(Failed((one, two, mute), ()), (), base_of(*GREEN), KIN)
    assert only.jobs == ("test", "lint")


def test_not_more_than_a_few_failures() -> None:
    many = [replace(OWN, job_id=f"j{n}", signature=f"s{n}") for n in range(MAX_FAILURES + 3)]
    assert len(evidence(Failed(tuple(many), ()), (), base_of(*GREEN), KIN)) == MAX_FAILURES


def test_jobs_that_passed_beside_those_that_failed() -> None:
    passed = [
        replace(OWN, job_id="j2", job="lint", attempt=1, passed_attempt=2),
        replace(OWN, job_id="j3", job="build", attempt=1, passed_attempt=2),
        replace(OWN, job_id="j1", attempt=1, passed_attempt=2),  # failed again
    ]
    mute = replace(OWN, signature="")
    assert evidence(Failed((mute,), tuple(passed)), (), None, KIN) == (
        Evidence(("lint", "build"), passed_attempt=2),
    )
