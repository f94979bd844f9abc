"""What will happen to a job, and what it will say while it happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from bot.demo.simulators.depot.compile import JobSpec, bare

Outcome = Literal["finished", "failed", "cancelled", "skipped", "timed_out"]
FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log."""

    body: str
    stderr: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to an attempt. None means: as an earlier plan says, or the default."""

    queued: float | None = None
    """Seconds from being eligible to the start."""
    seconds: float | None = None
    """Seconds from the start to the end."""
    outcome: Outcome | None = None
    log: tuple[Line, ...] | None = None
    error_message: str | None = None
    diagnosis: str | None = None
    possible_fix: str | None = None
    summary: str | None = None
    artifacts: Mapping[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class PlannedFor:
    """A plan with the attempts it is meant for; None means any."""

    plan: Plan
    workflow: str | None = None
    job: str | None = None
    attempt: int | None = None
    run_id: str | None = None

    def fits(self, run_id: str, file: str, spec: JobSpec, attempt: int) -> bool:
        """Whether it is meant for this attempt."""
        return (
            self.run_id in (None, run_id)
            and (self.workflow is None or bare(self.workflow) == file)
            and self.job in (None, spec.key, spec.family)
            and self.attempt in (None, attempt)
        )


def lines(log: Sequence[str | Line]) -> tuple[Line, ...]:
    """Plain strings are lines on stdout."""
    return tuple(Line(entry) if isinstance(entry, str) else entry for entry in log)


def fold(plans: Sequence[Plan], spec: JobSpec) -> Plan:
    """One plan with every field set: the newest that says something wins, then the default."""
    known = _merged(plans)
    outcome = known.outcome or "finished"
    return _merged([_default(spec, outcome), *plans])


def _merged(plans: Sequence[Plan]) -> Plan:
    said: dict[str, object] = {}
    for plan in plans:
        for field in fields(Plan):
            value = getattr(plan, field.name)
            if value is not None:
                said[field.name] = value
    return Plan(**said)  # type: ignore[arg-type]


def _default(spec: JobSpec, outcome: Outcome) -> Plan:
    failed = outcome in ("failed", "timed_out")
    return Plan(
        queued=0.5,
        seconds=2.0,
        outcome=outcome,
        log=failing_log() if failed else passing_log(),
        error_message=_error_message(spec, outcome),
        diagnosis="A test expects 3 and gets 4." if failed else "",
        possible_fix="Count the items after the discount, not before." if failed else "",
        summary="",
        artifacts={step.uploads: b"<report/>\n" * 64 for step in spec.steps if step.uploads},
    )


def _error_message(spec: JobSpec, outcome: Outcome) -> str:
    if outcome == "timed_out":
        return "The job has exceeded its time limit"
    if outcome != "failed":
        return ""
    last = max((i for i, step in enumerate(spec.steps, 1) if step.run), default=1)
    return f"Step {last} exited with code 1"


def passing_log() -> tuple[Line, ...]:
    """A short, green test run."""
    tests = [f"tests/test_basket.py::test_item_{n} \x1b[32mPASSED\x1b[0m" for n in range(1, 13)]
    return lines(
        [
            "$ pytest -v",
            "\x1b[1m============================= test session starts =============\x1b[0m",
            "platform linux -- Python 3.11.9, pytest-9.2.0, pluggy-1.7.0",
            "collected 12 items",
            "",
            *tests,
            "",
            "\x1b[32m============================= \x1b[1m12 passed\x1b[0m\x1b[32m in 0.31s\x1b[0m",
        ]
    )


def failing_log() -> tuple[Line, ...]:
    """A red test run of several pages, with everything in it that a reply must survive."""
    tests = [f"tests/test_basket.py::test_item_{n} \x1b[32mPASSED\x1b[0m" for n in range(1, 131)]
    return lines(
        [
            "$ pytest -v",
            "\x1b[1m============================= test session starts =============\x1b[0m",
            "platform linux -- Python 3.11.9, pytest-9.2.0, pluggy-1.7.0",
            "collected 131 items",
            # Looks like a secret and is none: a log in a reply must not show it.
            "DEPLOY_TOKEN=ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz",
            *tests,
            "tests/test_basket.py::test_total \x1b[31mFAILED\x1b[0m",
            "",
            "=================================== FAILURES ===================================",
            "__________________________________ test_total __________________________________",
            "```python",
            "    def test_total():",
            "        total = basket.total()",
            ">       assert total == 3",
            "\x1b[31mE       assert 4 == 3\x1b[0m",
            "```",
            "tests/test_basket.py:21: AssertionError",
            Line("npm warn deprecated @octo/cat@1.0.0", stderr=True),
            "\x1b[31mFAILED\x1b[0m tests/test_basket.py::test_total - assert 4 == 3",
            "\x1b[31m==================== \x1b[1m1 failed\x1b[0m, 130 passed in 2.04s ====\x1b[0m",
            Line("##[error]Process completed with exit code 1.", stderr=True),
        ]
    )
