"""True payloads, as the simulated GitHub makes them, and what an attacker makes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from bot.demo.simulators.github import SimulatedGitHub
from bot.demo.stage import Stage
from tests.fuzz.json_texts import Raw, dumps, hostile, texts
from tests.support.conversation import FILES, REPO, ManualClock

Path = tuple[str | int, ...]
"""Where something stands in a payload: names and places from the top down."""


HAPPENINGS: Mapping[str, Callable[[SimulatedGitHub], object]] = {
    "comment": lambda github: github.comment(REPO, 1, "alice", "hi\n/depot run ci.yml job=test"),
    "review": lambda github: github.review(REPO, 1, "alice", "/depot run"),
    "approval": lambda github: github.review(REPO, 1, "alice", "/depot run", "approved"),
    "review comment": lambda github: github.review_comment(REPO, 1, "alice", "/depot why", "a"),
    "opened": lambda github: github.pull_request(REPO, "alice", branch="other"),
    "fork opened": lambda github: github.pull_request(
        REPO, "zoe", branch="more", fork=github.fork(REPO, "zoe")
    ),
    "synchronize": lambda github: github.push(REPO, 1, {"change.txt": "three\n"}),
    "labeled": lambda github: github.label(REPO, 1, "full-ci"),
    "check": lambda github: github.upsert_check_run(
        REPO, github.pull(REPO, 1).head_sha, "CI / test", "in_progress"
    ),
}


@cache
def true_payload(name: str) -> tuple[str, dict[str, Any]]:
    """The event and the payload of one of `HAPPENINGS`; not to be changed."""
    github = Stage(now=ManualClock().now, private_key="none is needed").github
    github.repository(REPO, FILES)
    github.pull_request(REPO, "alice")
    github.check_run_webhooks = True
    HAPPENINGS[name](github)
    delivery = github.pending_deliveries[-1]
    return delivery.event, delivery.payload


_SENT = {"repository.full_name", "repository.id", "sender.login", "sender.type", "installation.id"}
_PULL = {
    *("number", "html_url", "updated_at", "head.sha", "head.ref", "head.repo.full_name"),
    *("base.sha", "base.ref", "base.repo.full_name"),
}
_WRITTEN = {
    *("id", "html_url", "user.login", "user.type", "body", "created_at", "submitted_at"),
    *("commit_id", "original_commit_id", "state"),
}


def _in(place: str, names: set[str]) -> set[str]:
    return {f"{place}.{name}" for name in names}


_READ = {
    "check_run": {"repository.full_name", "check_run.head_sha", "check_run.app.slug"},
    "issue_comment": _SENT
    | {"action", "issue.number", "issue.pull_request"}
    | _in("comment", _WRITTEN),
    "pull_request": _SENT | {"action", "before", "label.name"} | _in("pull_request", _PULL),
    "pull_request_review": _SENT
    | {"action"}
    | _in("pull_request", _PULL)
    | _in("review", _WRITTEN),
    "pull_request_review_comment": _SENT
    | {"action"}
    | _in("pull_request", _PULL)
    | _in("comment", _WRITTEN),
}


def read_paths(event: str) -> list[Path]:
    """All that the door reads of an event's payload, as this test's author knows it."""
    return [tuple(name.split(".")) for name in sorted(_READ[event])]


def is_read(event: str, at: Path) -> bool:
    """Whether the door reads what stands there, or something in it."""
    return any(read[: len(at)] == at for read in read_paths(event))


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in *value*, itself first."""
    yield at
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in inside:
        yield from paths(part, (*at, key))


def part(value: Any, at: Path) -> Any:
    for key in at:
        value = value[key]
    return value


def put(value: Any, at: Path, new: Any) -> Any:
    """*value* with *new* in one place; itself is changed."""
    if not at:
        return new
    part(value, at[:-1])[at[-1]] = new
    return value


def drop(value: Any, at: Path) -> None:
    del part(value, at[:-1])[at[-1]]


def twice(value: Any, key: str, other: Any) -> Raw:
    """An object in which *key* stands twice: *other* comes last."""
    return Raw(f"{dumps(value)[:-1]},{dumps(key)}:{dumps(other)}}}")


@st.composite
def mutated(draw: st.DrawFn, name: str, most: int = 3) -> Any:
    """A true payload in which some parts are replaced, dropped, added, doubled or swapped."""
    event, true = true_payload(name)
    payload: Any = copy.deepcopy(true)
    for _ in range(draw(st.integers(1, most))):
        places = [at for at in paths(payload) if at]
        if not places:
            break
        that_count = [at for at in places if is_read(event, at)]
        at = draw(st.sampled_from(that_count or places) | st.sampled_from(places))
        match draw(st.sampled_from(["replace", "drop", "add", "double", "swap"])):
            case "replace":
                put(payload, at, draw(hostile))
            case "drop":
                drop(payload, at)
            case "add" if isinstance(part(payload, at), dict):
                put(payload, (*at, draw(texts)), draw(hostile))
            case "double" if isinstance(part(payload, at[:-1]), dict):
                doubled = twice(part(payload, at[:-1]), str(at[-1]), draw(hostile))
                payload = put(payload, at[:-1], doubled)
            case "swap":
                _swap(payload, at, draw(st.sampled_from(places)))
        if isinstance(payload, Raw):
            break
    return payload


def _swap(payload: Any, one: Path, other: Path) -> None:
    """Two parts in each other's place, unless one holds the other."""
    if one[: len(other)] != other and other[: len(one)] != one:
        first, second = part(payload, one), part(payload, other)
        put(payload, one, second)
        put(payload, other, first)
