"""The door over HTTP: whatever is sent, it answers briefly, and stores only what it says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.github.webhooks import EVENTS, MAX_BODY
from tests.fuzz.endpoints import Endpoint, Header, must_be_an_answer
from tests.fuzz.json_texts import as_bytes, dumps, hostile
from tests.fuzz.payloads import HAPPENINGS, mutated, true_payload
from tests.fuzz.profiles import cases

# --- what is sent --------------------------------------------------------------------------------

ODD_VALUES = [
    *(b"", b" ", b"\x00", b"\xff\xfe", b"\xc3\xa9", b"\t", b"a" * 70_000, b"%0d%0a", b"\xb2\xb3"),
    *(b"application/json", b"Application/JSON; charset=utf-16", b"application/json, text/html"),
    *(b"text/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x"),
    *(b"0", b"-1", b"1e9", b"26214401", b"99999999999999999999", b"1, 2", b"0x10", b"chunked"),
    *(b"sha256=", b"sha256=" + b"0" * 64, b"sha1=" + b"0" * 40, b"gzip", b"100-continue"),
    *(event.encode() for event in sorted(EVENTS)),
]
NAMES = [
    *(b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"expect"),
    *(b"x-github-event", b"x-github-delivery", b"x-github-hook-id", b"x-hub-signature", b"x-odd"),
    *(b"x-hub-signature-256", b"", b"\xff"),
]

odd_headers = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(ODD_VALUES) | st.binary(max_size=12)
)

bodies = st.one_of(
    st.binary(max_size=40),
    hostile.map(lambda value: as_bytes(dumps(value))),
    st.sampled_from(sorted(HAPPENINGS)).flatmap(mutated).map(lambda value: as_bytes(dumps(value))),
)


@st.composite
def broken_bodies(draw: st.DrawFn) -> bytes:
    """A true payload with some bytes cut out, put in, or in another encoding."""
    body = dumps(true_payload(draw(st.sampled_from(sorted(HAPPENINGS))))[1]).encode()
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(start + 20, len(body))))
    body = body[:start] + draw(st.binary(max_size=6)) + body[end:]
    mark = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b" ", b"\x00"]))
    return mark + body


@st.composite
def cut(draw: st.DrawFn, body: bytes) -> list[bytes]:
    """*body* as it may arrive: in pieces, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


@st.composite
def changed(draw: st.DrawFn, headers: list[Header]) -> list[Header]:
    """Some headers left out, others put before or after."""
    kept = [header for header in headers if draw(st.integers(0, 9))]
    more = draw(st.lists(odd_headers, max_size=2))
    return more + kept if draw(st.booleans()) else kept + more


# --- what must hold ------------------------------------------------------------------------------


@cases()
@given(st.data(), bodies | broken_bodies())
def test_without_a_signature_nothing_is_read_or_stored(
    door: Endpoint, data: st.DataObject, body: bytes
) -> None:
    forged = data.draw(odd_headers.filter(lambda header: header[0] != b"content-length"))
    true = door.headers("issue_comment", body)[:-1]
    headers = data.draw(changed([*true, (b"x-hub-signature-256", forged[1])]))
    before = door.stored()
    answer = door.post(headers, *data.draw(cut(body)))
    must_be_an_answer(answer)
    assert answer.status in {401, 413}
    assert door.stored() == before


@cases()
@given(st.data(), st.sampled_from(sorted(EVENTS)), bodies | broken_bodies())
def test_whatever_is_signed_gets_an_answer(
    door: Endpoint, data: st.DataObject, event: str, body: bytes
) -> None:
    headers = data.draw(changed(door.headers(event, body)))
    before = door.stored()
    answer = door.post(headers, *data.draw(cut(body)))
    must_be_an_answer(answer)
    if answer.result != "queued":
        assert door.stored().requests == before.requests
    if answer.status != 202:
        assert door.stored() == before


@cases()
@given(st.data(), st.sampled_from(sorted(HAPPENINGS)))
def test_what_is_queued_is_stored_and_known_again(
    door: Endpoint, data: st.DataObject, name: str
) -> None:
    payload = data.draw(mutated(name, most=1))
    body = as_bytes(dumps(_numbered(payload, door.number())))
    headers = door.headers(true_payload(name)[0], body)
    before = door.stored()
    answer = door.post(headers, body)
    must_be_an_answer(answer)
    after = door.stored()
    if answer.result == "queued":
        assert after.deliveries == before.deliveries + 1
        assert after.requests > before.requests
        again = door.post(headers, body)
        assert again.result == "duplicate"
        assert door.stored() == after
    else:
        assert after.requests == before.requests


def _numbered(payload: Any, number: int) -> Any:
    """With a comment that the ledger does not know; what stands elsewhere instead is left."""
    payload = copy.deepcopy(payload)
    for place in ("comment", "review"):
        written = payload.get(place) if isinstance(payload, dict) else None
        if isinstance(written, dict) and type(written.get("id")) is int:
            written["id"] = number
    return payload


@cases(0.5)
@given(st.data(), st.sampled_from(sorted(HAPPENINGS)))
def test_it_does_not_matter_in_how_many_pieces_a_body_comes(
    door: Endpoint, data: st.DataObject, name: str
) -> None:
    body = as_bytes(dumps(data.draw(mutated(name))))
    event = true_payload(name)[0]
    whole = door.post(door.headers(event, body, f"g-{door.number()}"), body)
    headers = door.headers(event, body, f"g-{door.number()}")
    # The second one carries no length, as chunked bodies do.
    headers = [header for header in headers if header[0] != b"content-length"]
    pieces = door.post(headers, *data.draw(cut(body)))
    assert pieces.status == whole.status


@pytest.mark.parametrize("name", HAPPENINGS)
def test_the_payloads_that_are_varied_above_are_good_ones(door: Endpoint, name: str) -> None:
    event, payload = true_payload(name)
    body = dumps(_numbered(payload, door.number())).encode()
    answer = door.post(door.headers(event, body), body)
    # An event that came before is the same event under any delivery id.
    assert answer.result in ({"ignored"} if name == "check" else {"queued", "duplicate"})


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b'"', b"1", b"\xff", b"\x00"], ids=repr)
def test_a_body_of_the_largest_size_is_answered(door: Endpoint, piece: bytes) -> None:
    body = (b'{"action":"created","x":' + piece * MAX_BODY)[:MAX_BODY]
    answer = door.post(door.headers("issue_comment", body), body)
    must_be_an_answer(answer)
    assert answer.status == 400


def test_a_length_of_thousands_of_digits(door: Endpoint) -> None:
    must_be_an_answer(door.post([(b"content-length", b"9" * 5_000)], b"{}"))
