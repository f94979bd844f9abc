"""The simulated GitHub, the bot's requests and its door, held against what GitHub publishes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args, get_type_hints

import httpx
import msgspec
import pytest

from bot.core import deliveries
from bot.core.credentials import AppCredentials, Credentials, TokenCredentials
from bot.core.events import Source
from bot.core.types import RepoName, Sha
from bot.demo.simulators.github.events import Event
from bot.demo.simulators.github.http import Endpoint
from bot.demo.simulators.github.rest import ENDPOINTS
from bot.github import webhooks as door
from bot.github.api import GitHub
from bot.github.session import RAW
from tests.contracts.checks import transport_to
from tests.contracts.github import api
from tests.contracts.scene import APP_ID, REPO, Scene, everything_happens, set_up
from tests.contracts.webhooks import examples, webhooks
from tests.support.conversation import Hook, ManualClock

pytestmark = pytest.mark.anyio

API = "https://api.github.com"


@pytest.fixture
async def scene(private_key: str, hook: Hook) -> Scene:
    return await set_up(private_key, hook)


# --- the endpoints of the simulated GitHub -------------------------------------------------------

REPOSITORY = "/repos/{owner}/{repo}"
BODIES: dict[str, dict[str, Any]] = {
    f"POST {REPOSITORY}/check-runs": {"name": "lint", "head_sha": "a" * 40},
    f"PATCH {REPOSITORY}/check-runs/{{check_run_id}}": {
        "status": "completed",
        "conclusion": "failure",
        "output": {"title": "It failed", "summary": "See the log."},
    },
    f"POST {REPOSITORY}/issues/{{number}}/comments": {"body": "Running."},
    f"PATCH {REPOSITORY}/issues/comments/{{comment_id}}": {"body": "Done."},
    f"POST {REPOSITORY}/issues/comments/{{comment_id}}/reactions": {"content": "eyes"},
    f"POST {REPOSITORY}/pulls/comments/{{comment_id}}/reactions": {"content": "eyes"},
    "POST /app/installations/{installation_id}/access_tokens": {
        "repositories": ["hello"],
        "permissions": {"contents": "read"},
    },
}


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
async def test_each_endpoint_answers_like_github(endpoint: Endpoint, scene: Scene) -> None:
    body = BODIES.get(name(endpoint))
    if body and "head_sha" in body:
        body = {**body, "head_sha": scene.pull.head_sha}
    with transport_to(scene.github) as way:
        async with httpx.AsyncClient(transport=way, base_url=API) as client:
            answer = await client.request(
                endpoint.method,
                scene.path(endpoint),
                json=body,
                headers={"authorization": f"Bearer {scene.token(endpoint)}"},
            )
        assert answer.is_success, answer.text


@asynccontextmanager
async def client_of(scene: Scene, login: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who asks by a token of their own."""
    headers = {"authorization": f"Bearer {scene.github.access.personal_token(login)}"}
    with transport_to(scene.github) as way:
        async with httpx.AsyncClient(transport=way, base_url=API, headers=headers) as client:
            yield client


async def test_a_file_in_each_form(scene: Scene) -> None:
    url = f"/repos/{REPO}/contents/docs/%C3%BCn%C3%AFcode%20name.md"
    async with client_of(scene, "alice") as client:
        described = await client.get(url, params={"ref": scene.pull.head_branch})
        raw = await client.get(url, headers={"accept": RAW})
        etag = described.headers["etag"]
        known = await client.get(
            url, params={"ref": scene.pull.head_branch}, headers={"if-none-match": etag}
        )
    assert (described.json()["type"], raw.text, known.status_code) == ("file", "# one\n", 304)


async def test_what_has_happened_to_pull_requests(scene: Scene) -> None:
    await everything_happens(scene)
    asked = ["pulls?state=all", "pulls/1", "pulls/2", "pulls/2/files", "issues/1", "issues/3"]
    async with client_of(scene, "octo") as client:
        for path in asked:
            assert (await client.get(f"/repos/{REPO}/{path}")).is_success
        fork = await client.get("/repos/stranger/hello")
    assert fork.json()["parent"]["full_name"] == REPO


def test_each_endpoint_is_one_of_githubs() -> None:
    # A branch is one kind of reference; the simulator knows no other.
    ours = {name(one).replace("/heads/{branch:path}", "/{ref}") for one in ENDPOINTS}
    assert {nameless(one) for one in ours} <= {nameless(one) for one in api().names()}


def nameless(template: str) -> str:
    """Parameters are called as one likes."""
    return re.sub(r"\{[^}]+\}", "{}", template)


# --- what the simulated GitHub sends -------------------------------------------------------------


async def test_each_event_is_like_githubs(scene: Scene, hook: Hook) -> None:
    await everything_happens(scene)
    for kind in get_args(Event):
        actions = get_args(get_type_hints(kind)["action"]) or (None,)
        assert {one.action for one in scene.heard if type(one) is kind} == {*actions}
    assert len(scene.github.delivery_log) == len(scene.heard)
    hook.assert_kept()


# --- what the bot asks ---------------------------------------------------------------------------


@pytest.fixture(params=["app", "token"])
def credentials(request: pytest.FixtureRequest, scene: Scene) -> Credentials:
    if request.param == "app":
        return AppCredentials(str(APP_ID), scene.key)
    return TokenCredentials(scene.github.access.personal_token("octo"))


async def test_each_request_of_the_bot_is_githubs(scene: Scene, credentials: Credentials) -> None:
    number, head = scene.pull.number, Sha(scene.pull.head_sha)
    with transport_to(scene.github) as way:
        async with httpx.AsyncClient(transport=way) as client:
            bot = GitHub(client, credentials, url=API, clock=ManualClock())
            await bot.login()
            if bot.is_app:
                await bot.hook_config()
                (first, *_) = await bot.failed_deliveries(since=0.0)
                assert first in [one async for one in bot.failed_attempts(since=0.0)]
                await bot.redeliver(first.delivery_id)
            there = bot.at(RepoName(REPO), None)
            await there.pull_request(number)
            await there.permission("alice")
            if not bot.is_app:
                assert await there.is_in_team("octo/qa", "alice")
            await there.workflow_names(head)
            await there.workflow_text(head, "ci.yml")
            await there.config_texts()
            await there.changed_paths(number)
            await there.oldest_check_suite(head)
            await there.react(Source.ISSUE_COMMENT, scene.comment.id)
            await there.react(Source.REVIEW_COMMENT, scene.pull.review_comments[0].id)
            await there.edit_comment(await there.comment(number, "Running."), "Done.")
            assert [one.body async for one in there.own_comments(number, since=0.0)] == ["Done."]


# --- what the bot's door makes of real payloads --------------------------------------------------


def read(event: str, payload: dict[str, Any]) -> deliveries.Event:
    return door.read(deliveries.Delivery("1", "1", event), msgspec.json.encode(payload))


def test_the_door_reads_real_payloads() -> None:
    understood: Counter[str] = Counter()
    for event, payload in examples():
        try:
            found = read(event, payload)
        except door.Malformed:
            # Some are older than the schemas of today, and need not be understood.
            assert webhooks().payload(event, payload, closed=False), event
            continue
        understood[event] += 1
        assert (found == deliveries.Ignored("event")) is (event not in door.EVENTS)
    assert understood.keys() > door.EVENTS


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("issue_comment", "comment"),
        ("pull_request_review_comment", "comment"),
        ("pull_request_review", "review"),
    ],
)
def test_the_door_finds_a_command_in_a_real_payload(event: str, text: str) -> None:
    found = 0
    for name, payload in examples():
        if name == event and payload["action"] in {"created", "submitted"}:
            payload[text]["body"] = "/depot run ci.yml"
            thread = payload.get("pull_request") or payload["issue"]
            thread["pull_request"] = {}  # in the examples people write under issues only
            result = read(event, payload)
            assert isinstance(result, deliveries.CommentWritten)
            (comment,) = result.comments
            assert comment.repo == payload["repository"]["full_name"]
            assert comment.number == thread["number"]
            assert comment.author.login == payload["sender"]["login"]
            assert comment.url == payload[text]["html_url"]
            assert [line.text for line in comment.lines] == ["run ci.yml"]
            found += 1
    assert found
