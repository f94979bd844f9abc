"""What a reason code says of a command."""

from __future__ import annotations

from bot.core.reasons import UNDECIDED, Reason, code


def test_what_is_no_refusal() -> None:
    assert [str(one) for one in Reason if not one.is_refusal] == [
        "started",
        "already-running",
        "rerun",
        "retried",
        "cancelled",
        "answered",
        "config-checked",
    ]


def test_codes_of_other_versions() -> None:
    assert Reason.from_code("started") is Reason.STARTED
    assert Reason.from_code("of-tomorrow") is Reason.UNKNOWN
    assert code(None) == UNDECIDED
