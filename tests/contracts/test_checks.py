"""The checks can fail: each kind of breach is told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bot.demo.simulators.github import SimulatedGitHub
from tests.contracts.checks import ToGitHub
from tests.contracts.github import api
from tests.contracts.schemas import Schemas
from tests.contracts.webhooks import webhooks
from tests.support.conversation import HOOK, Hook

API = "https://api.github.com"
COMMENTS = f"{API}/repos/octo/hello/issues/1/comments"
REPLY = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}


def asked(method: str, url: str, **more: Any) -> list[str]:
    return api().request(httpx.Request(method, url, **more))


def answered(method: str, url: str, response: httpx.Response, **headers: str) -> list[str]:
    return api().response(httpx.Request(method, url, headers=headers), response)


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/repos/octo/hello/commentary"),
        ("PUT", "/repos/octo/hello/issues/1/comments"),
        ("GET", "/repos/octo/hello/issues/1/comments/"),
    ],
)
def test_an_unknown_operation(method: str, path: str) -> None:
    assert asked(method, API + path) == [f"{method} {path}: GitHub has no such operation"]


def test_what_is_right() -> None:
    assert asked("POST", COMMENTS, json={"body": "hello"}) == []
    assert asked("GET", f"{COMMENTS}?since=2026-09-21T14:13:20Z&per_page=100") == []
    assert asked("GET", f"{API}/repos/octo/hello/contents/.depot/workflows/ci.yml?ref=main") == []
    assert asked("POST", f"{API}/app/installations/7/access_tokens") == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"{COMMENTS}?sort=created", "does not know ?sort"),
        (f"{COMMENTS}?per_page=many", 'per_page: as a whole: "many" is not of type "integer"'),
        (f"{COMMENTS}?since=yesterday", 'since: as a whole: "yesterday" is not a "date-time"'),
        (f"{API}/search/issues", "q: is missing"),
        (f"{API}/repos/octo/hello/pulls/one", 'pull_number: as a whole: "one" is not of type'),
    ],
)
def test_a_wrong_parameter(url: str, told: str) -> None:
    (breach,) = asked("GET", url)
    assert told in breach


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"body": "hello", "draft": True}, "('draft' was unexpected)"),
        ({"body": 7}, 'json: body: 7 is not of type "string"'),
        ({}, '"body" is a required property'),
    ],
)
def test_a_wrong_request_body(body: dict[str, Any], told: str) -> None:
    (breach,) = asked("POST", COMMENTS, json=body)
    assert told in breach


def test_an_unknown_property_deep_in_a_request_body() -> None:
    url = f"{API}/repos/octo/hello/check-runs"
    output = {"title": "t", "summary": "s", "colour": "red"}
    (breach,) = asked("POST", url, json={"name": "n", "head_sha": "a" * 40, "output": output})
    assert breach.endswith("('colour' was unexpected)")


def test_a_body_where_none_is_taken_and_none_where_one_is() -> None:
    assert asked("GET", COMMENTS, json={}) != []
    assert asked("POST", COMMENTS) == [
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments: body: is missing"
    ]
    assert asked("POST", COMMENTS, content=b'{"body": "hello"}') != []  # of no media type


# --- answers -------------------------------------------------------------------------------------

SUITES = f"{API}/repos/octo/hello/commits/main/check-suites"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"total_count": "none", "check_suites": []}, 'total_count: "none" is not of type'),
        ({"total_count": 0}, '"check_suites" is a required property'),
        ({"total_count": 0, "check_suites": [], "mood": "good"}, "('mood' was unexpected)"),
    ],
)
def test_a_wrong_answer(body: dict[str, Any], told: str) -> None:
    assert answered("GET", SUITES, httpx.Response(200, json={**body})) != []
    (breach,) = answered("GET", SUITES, httpx.Response(200, json=body))
    assert told in breach


@pytest.mark.parametrize("status", [201, 204, 302, 409])
def test_a_status_that_is_not_listed(status: int) -> None:
    assert answered("GET", SUITES, httpx.Response(status)) != []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
def test_errors_that_may_always_come(status: int) -> None:
    assert answered("GET", SUITES, httpx.Response(status, json=REPLY)) == []
    assert answered("GET", SUITES, httpx.Response(status, json={"message": 7})) != []
    assert answered("GET", SUITES, httpx.Response(status, content=b"<html>")) != []


def test_not_modified_answers_a_condition() -> None:
    condition = {"if-none-match": '"1"'}
    assert answered("GET", SUITES, httpx.Response(304), **condition) == []
    assert answered("GET", SUITES, httpx.Response(304)) != []
    assert answered("GET", SUITES, httpx.Response(304, content=b"{}"), **condition) != []


def test_no_content_has_none() -> None:
    url = f"{API}/repos/octo/hello/issues/comments/7"
    assert answered("DELETE", url, httpx.Response(204)) == []
    assert answered("DELETE", url, httpx.Response(204, content=b"{}")) != []


def test_a_raw_file_has_to_be_asked_for() -> None:
    url, raw = f"{API}/repos/octo/hello/contents/a.yml", "application/vnd.github.raw+json"
    response = httpx.Response(200, content=b"on: push", headers={"content-type": raw})
    assert answered("GET", url, response, accept=raw) == []
    assert answered("GET", url, response, accept="application/json") != []


def test_null_only_where_it_may_be() -> None:
    kinds = {"type": "string", "enum": ["a"], "nullable": True}
    schemas = Schemas({"components": {"schemas": {"kind": kinds}}})
    either = {"oneOf": [{"$ref": "#/components/schemas/kind"}], "nullable": True}
    for place, schema in {"kinds": kinds, "either": either}.items():
        assert schemas.breaches(place, schema, "a", closed=False) == []
        assert schemas.breaches(place, schema, "b", closed=False) != []
    assert schemas.breaches("kinds", kinds, None, closed=False) == []
    assert schemas.breaches("never", {"type": "string"}, None, closed=False) != []


# --- deliveries ----------------------------------------------------------------------------------


@pytest.fixture
async def delivered(github: SimulatedGitHub) -> httpx.Request:
    """A comment's delivery as the simulator sends it."""
    github.comment("octo/hello", 1, "alice", "hello")
    sent = (await github.deliver(HOOK))[-1]
    return httpx.Request(
        "POST", HOOK, content=sent.delivery.body, headers=dict(sent.request_headers)
    )


def changed(request: httpx.Request, old: bytes, new: bytes) -> list[str]:
    assert old in request.content
    content = request.content.replace(old, new, 1)
    return webhooks().delivery(
        httpx.Request("POST", HOOK, content=content, headers=request.headers)
    )


@pytest.mark.anyio
async def test_a_wrong_payload(delivered: httpx.Request) -> None:
    assert webhooks().delivery(delivered) == []
    assert "no such event" in changed(delivered, b'"created"', b'"whispered"')[0]
    assert changed(delivered, b'"locked":false', b'"locked":"no"') != []
    assert "required" in changed(delivered, b'"sender"', b'"sent_by"')[0]
    assert "unexpected" in changed(delivered, b'{"action"', b'{"mood":1,"action"')[0]
    assert changed(delivered, b"{", b"") != []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "name", ["user-agent", "x-github-delivery", "x-github-hook-id", "x-hub-signature-256"]
)
async def test_a_missing_header(name: str, delivered: httpx.Request) -> None:
    del delivered.headers[name]
    (breach,) = webhooks().delivery(delivered)
    assert name in breach


# --- where breaches are told ---------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_breach_on_the_way_is_told_at_the_end(github: SimulatedGitHub) -> None:
    to_github = ToGitHub(github)
    async with httpx.AsyncClient(transport=to_github, base_url=API) as client:
        await client.get("/app?colour=red")
    with pytest.raises(AssertionError, match=r"does not know \?colour"):
        to_github.assert_kept()
    to_github.assert_kept()  # told once


@pytest.mark.anyio
async def test_trouble_that_was_asked_for_is_no_breach(github: SimulatedGitHub) -> None:
    to_github = ToGitHub(github)
    github.faults.answer("GET", "^/app$", 200, "<html>")
    async with httpx.AsyncClient(transport=to_github, base_url=API) as client:
        await client.get("/app")
        to_github.assert_kept()
        github.faults.answer("GET", "^/nowhere$", 502)
        await client.get("/nowhere")
    with pytest.raises(AssertionError, match="no such operation"):
        to_github.assert_kept()


@pytest.mark.anyio
async def test_a_wrong_delivery_is_told_at_the_end() -> None:
    hook = Hook()
    async with httpx.AsyncClient(transport=hook) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(HOOK, json={"action": "created"})
    with pytest.raises(AssertionError, match="no such event"):
        hook.assert_kept()
