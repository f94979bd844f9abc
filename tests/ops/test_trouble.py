"""Trouble with GitHub or Depot: one line when it begins, one when it ends."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bot.demo.simulators.depot import SimulatedDepot
from bot.ops.trouble import QUIET_SECONDS, Trouble
from tests.support.commands import runs_on
from tests.support.conversation import Conversation, ManualClock

EVENTS = ["upstream_trouble_began", "upstream_trouble_ended"]


def is_over(trouble: Trouble) -> bool:
    return not trouble.is_there


@pytest.mark.parametrize("status", [None, 401, 429, 500, 502, 503])
def test_one_line_each(status: int | None) -> None:
    clock = ManualClock()
    trouble = Trouble("depot", clock)
    with capture_logs() as logs:
        for _ in range(40):
            trouble.observe("GetRunStatus", status)
            trouble.observe("ListRuns", 200)  # something works all the time
            clock.time += 1.0
        assert trouble.is_there
        clock.time += QUIET_SECONDS
        trouble.observe("GetRunStatus", 200)
        assert is_over(trouble)
    assert [log["event"] for log in logs] == EVENTS
    assert logs[0]["reason"] == (str(status) if status else "no answer")
    assert (logs[1]["failures"], logs[1]["duration"]) == (40, 70.0)


@pytest.mark.parametrize("status", [200, 304, 403, 404, 422])
def test_what_is_an_answer_is_no_trouble(status: int) -> None:
    trouble = Trouble("github", ManualClock())
    trouble.observe("GET", status)
    assert not trouble.is_there


@pytest.mark.anyio
async def test_depot_away_for_a_while_is_logged_once(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await runs_on(pr, depot)
    with capture_logs() as logs:
        away = depot.faults.refuse("GetRunStatus", "unavailable", times=None)
        await pr.passes(40)
        during = pr.services.metrics.text(None).decode()
        away.lift()
        await pr.passes(120)
    assert [log["event"] for log in logs if log["event"] in EVENTS] == EVENTS
    assert 'depot_bot_upstream_trouble{service="depot"} 1.0' in during
    assert 'depot_bot_upstream_trouble{service="depot"} 0.0' in (
        pr.services.metrics.text(None).decode()
    )
