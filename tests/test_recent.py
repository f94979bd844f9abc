"""Which runs were looked at lately, against a plain list of all looks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.follow import Recent
from bot.types import RunId
from tests.conversation import ManualClock

SECONDS = 60.0


RUNS = st.sampled_from([RunId("a"), RunId("b"), RunId("c")])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("saw"), RUNS, st.sampled_from(["queued", "running"])),
        st.tuples(st.just("forget"), RUNS, st.just("")),
        st.tuples(st.just("wait"), st.floats(0.0, 200.0), st.just("")),
    ),
    max_size=40,
)


@given(STEPS)
def test_what_was_seen_lately_is_known_and_what_was_not_is_gone(
    steps: list[tuple[str, object, str]],
) -> None:
    clock = ManualClock()
    recent = Recent(clock, SECONDS)
    looks: dict[RunId, tuple[float, str]] = {}
    for what, which, status in steps:
        if what == "wait":
            assert isinstance(which, float)
            clock.time += which
        elif what == "saw":
            recent.saw(RunId(str(which)), status)
            looks[RunId(str(which))] = (clock.time, status)
        else:
            recent.forget(RunId(str(which)))
            looks.pop(RunId(str(which)), None)
        found = dict(recent.items())
        assert len(found) == len(recent) == len(list(recent.items()))
        for run_id, (at, known) in looks.items():
            if clock.time - at < SECONDS:
                assert found[run_id] == known
            elif clock.time - at >= 2 * SECONDS:
                assert run_id not in found
        assert all(found[run_id] == looks[run_id][1] for run_id in found)
