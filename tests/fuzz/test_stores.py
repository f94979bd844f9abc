"""Both kinds of ledger under the door: what one takes, the other takes, and each delivery once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.endpoints import Answer, Endpoint, must_be_an_answer
from tests.fuzz.json_texts import as_bytes, dumps
from tests.fuzz.payloads import Path, put, true_payload
from tests.fuzz.profiles import cases

NUMBERS = {
    "comment": ("comment", "id"),
    "review": ("review", "id"),
    "approval": ("review", "id"),
    "review comment": ("comment", "id"),
}
"""Where a comment's own number stands."""


def send(door: Endpoint, name: str, changes: dict[Path, Any]) -> Answer:
    """What the door says to a true payload with some changes, which it has not heard before."""
    event, true = true_payload(name)
    payload = copy.deepcopy(true)
    if name in NUMBERS:
        put(payload, NUMBERS[name], door.number())
    for at, value in changes.items():
        put(payload, at, value)
    body = as_bytes(dumps(payload))
    answer = door.post(door.headers(event, body), body)
    must_be_an_answer(answer)
    return answer


WRITTEN: dict[str, tuple[str, list[Path]]] = {
    "a comment's text": ("comment", [("comment", "body")]),
    "a review's text": ("review", [("review", "body")]),
    "a login": ("comment", [("comment", "user", "login"), ("sender", "login")]),
    "a repository's name": ("comment", [("repository", "full_name")]),
    "an address": ("comment", [("comment", "html_url")]),
    "a reviewed commit": ("review", [("review", "commit_id")]),
    "a head": ("synchronize", [("pull_request", "head", "sha")]),
    "a base branch": ("labeled", [("pull_request", "base", "ref")]),
    "a label": ("labeled", [("label", "name")]),
    "a check's commit": ("check", [("check_run", "head_sha")]),
}
"""The texts that reach the ledger, each in the places where it has to be the same."""


@cases(0.5)
@given(
    st.sampled_from(sorted(WRITTEN)),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
)
def test_any_text_without_a_nul_is_stored(either_door: Endpoint, what: str, text: str) -> None:
    name, places = WRITTEN[what]
    text = f"/depot run {text}" if what.endswith("text") else text
    answer = send(either_door, name, dict.fromkeys(places, text))
    # An event that came before is the same event under any delivery id.
    results = {"ignored"} if name == "check" else {"queued", "duplicate"}
    assert answer.result in results or answer.status == 400


@pytest.mark.parametrize("what", WRITTEN)
def test_a_nul_is_answered_on_sqlite(door: Endpoint, what: str) -> None:
    name, places = WRITTEN[what]
    send(door, name, dict.fromkeys(places, "/depot run \0"))


@pytest.mark.parametrize("what", WRITTEN)
def test_a_nul_is_answered_on_postgresql(postgresql_door: Endpoint, what: str) -> None:
    name, places = WRITTEN[what]
    send(postgresql_door, name, dict.fromkeys(places, "/depot run \0"))


@pytest.mark.parametrize("what", ["a repository's name", "a head"])
def test_a_long_name_is_answered_on_postgresql(postgresql_door: Endpoint, what: str) -> None:
    name, places = WRITTEN[what]
    # No character twice in a row, or it would be stored compressed.
    long = "".join(chr(256 + n * n % 40_000) for n in range(20_000))
    send(postgresql_door, name, dict.fromkeys(places, long))


@pytest.mark.parametrize("half", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\udfff\\ud800"])
@pytest.mark.parametrize("what", WRITTEN)
def test_half_a_character_is_malformed(either_door: Endpoint, what: str, half: str) -> None:
    name, places = WRITTEN[what]
    event, true = true_payload(name)
    payload = copy.deepcopy(true)
    for at in places:
        put(payload, at, "/depot run HERE")
    body = dumps(payload).replace("HERE", half).encode()
    before = either_door.stored()
    assert either_door.post(either_door.headers(event, body), body).status == 400
    assert either_door.stored() == before


@cases(0.3)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=12))
def test_each_delivery_counts_once_also_side_by_side(
    either_door: Endpoint, order: list[int]
) -> None:
    requests = []
    base = either_door.number() * 10
    for number in order:
        payload = put(copy.deepcopy(true_payload("comment")[1]), ("comment", "id"), base + number)
        body = dumps(payload).encode()
        requests.append((either_door.headers("issue_comment", body, f"side-{base}-{number}"), body))
    malformed = either_door.headers("issue_comment", b"{}"), b"{}"
    before = either_door.stored()
    answers = either_door.post_at_once([*requests, malformed])
    results = [answer.result for answer in answers[:-1]]
    assert results.count("queued") == len(set(order))
    assert results.count("duplicate") == len(order) - len(set(order))
    assert answers[-1].status == 400
    after = either_door.stored()
    assert after.requests - before.requests == len(set(order))
    assert after.deliveries - before.deliveries == len(set(order))
