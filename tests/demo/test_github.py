"""The simulated GitHub, through its API, its webhook and its people."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.lowlevel
import gidgethub
import gidgethub.apps
import gidgethub.httpx
import httpx
import jwt
import pytest
import uvicorn

from bot.demo.simulators.github import AppCredentials, SimulatedGitHub, generate_private_key
from tests.contracts.checks import transport_to
from tests.contracts.webhooks import webhooks

pytestmark = pytest.mark.anyio

HELLO = "/repos/octo/hello"
HOOK = "http://bot.example/webhook"
START = 1_790_000_000.0


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    time: float = START

    def __call__(self) -> float:
        return self.time


@dataclass
class Bot:
    """What receives the webhooks: it keeps them and answers as told."""

    status: int = 202
    received: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.received.append(request)
        return httpx.Response(self.status, json={"result": "queued"})

    def payloads(self) -> list[Any]:
        return [json.loads(request.content) for request in self.received]


@pytest.fixture(scope="module")
def key() -> str:
    return generate_private_key()


@pytest.fixture
def credentials(key: str) -> AppCredentials:
    return AppCredentials(4711, "depot-bot", key, "secret")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
async def github(
    clock: Clock, bot: Bot, credentials: AppCredentials
) -> AsyncIterator[SimulatedGitHub]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(bot)) as client:
        github = SimulatedGitHub(now=clock, webhook_secret="unused", app=credentials, client=client)
        github.repository("octo/hello", files={"README.md": "# hello\n", "src/a.py": "a = 1\n"})
        github.role("octo/hello", "alice", "write")
        github.pull_request("octo/hello", "alice", files={"src/a.py": "a = 2\n"}, title="Two")
        await github.deliver(HOOK)
        bot.received.clear()
        yield github
    assert [breach for one in bot.received for breach in webhooks().delivery(one)] == []


@asynccontextmanager
async def client_of(
    github: SimulatedGitHub, authorization: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    headers = {} if authorization is None else {"authorization": authorization}
    with transport_to(github, any_request=True) as way:
        async with httpx.AsyncClient(
            transport=way, base_url="https://api.github.com", headers=headers
        ) as client:
            yield client


@pytest.fixture
async def api(github: SimulatedGitHub) -> AsyncIterator[httpx.AsyncClient]:
    """The bot's installation as a client."""
    token = github.access.issue_token(github.installations[0])
    async with client_of(github, f"Bearer {token.text}") as client:
        yield client


@pytest.fixture
async def as_app(github: SimulatedGitHub, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The bot's App as a client."""
    async with client_of(github, f"Bearer {app_jwt(key)}") as client:
        yield client


@pytest.fixture
async def person(github: SimulatedGitHub) -> AsyncIterator[httpx.AsyncClient]:
    """The account with the personal token as a client."""
    async with client_of(github, "token ghp_simulated") as client:
        yield client


def app_jwt(key: str, *, at: float = START, issuer: str = "4711", life: int = 540) -> str:
    claims = {"iat": int(at) - 60, "exp": int(at) - 60 + life, "iss": issuer}
    return jwt.encode(claims, key, algorithm="RS256")


async def say(github: SimulatedGitHub, body: str = "/depot run ci.yml") -> Any:
    github.comment("octo/hello", 1, "alice", body)
    await github.deliver(HOOK)
    return github.delivery_log[-1].delivery.payload


# Credentials


async def test_the_app_sees_itself_and_its_installations(as_app: httpx.AsyncClient) -> None:
    app = (await as_app.get("/app")).json()
    assert (app["id"], app["slug"], app["installations_count"]) == (4711, "depot-bot", 1)
    [installation] = (await as_app.get("/app/installations")).json()
    assert installation["account"]["login"] == "octo"
    assert (await as_app.get(f"{HELLO}/installation")).json()["id"] == installation["id"]
    one = await as_app.get(f"/app/installations/{installation['id']}")
    assert one.json() == installation
    assert (await as_app.get("/app/installations/1")).status_code == 404


@pytest.mark.parametrize(
    ("at", "issuer", "life"),
    [
        (START - 1000, "4711", 540),
        (START + 120, "4711", 540),
        (START, "1", 540),
        (START, "4711", 3600),
    ],
    ids=["expired", "from the future", "another app", "too long"],
)
async def test_a_bad_jwt_is_refused(
    github: SimulatedGitHub, key: str, at: float, issuer: str, life: int
) -> None:
    token = app_jwt(key, at=at, issuer=issuer, life=life)
    async with client_of(github, f"Bearer {token}") as client:
        assert (await client.get("/app")).status_code == 401


async def test_a_jwt_of_another_key_is_refused(github: SimulatedGitHub) -> None:
    async with client_of(github, f"Bearer {app_jwt(generate_private_key())}") as client:
        answer = await client.get("/app")
    assert answer.status_code == 401
    assert answer.json()["message"] == "A JSON web token could not be decoded"


async def test_the_client_id_is_a_good_issuer(github: SimulatedGitHub, key: str) -> None:
    assert github.bot_app is not None
    token = app_jwt(key, issuer=github.bot_app.client_id)
    async with client_of(github, f"bearer {token}") as client:
        assert (await client.get("/app")).status_code == 200


async def test_an_installation_token_lives_an_hour(
    github: SimulatedGitHub, as_app: httpx.AsyncClient, clock: Clock
) -> None:
    number = github.installations[0].id
    created = await as_app.post(f"/app/installations/{number}/access_tokens")
    assert created.status_code == 201
    assert created.json()["expires_at"] == "2026-09-21T15:13:20Z"
    assert created.json()["permissions"]["issues"] == "write"
    async with client_of(github, f"token {created.json()['token']}") as client:
        assert (await client.get(HELLO)).status_code == 200
        clock.time += 3600
        expired = await client.get(HELLO)
    assert expired.status_code == 401
    assert expired.json()["message"] == "Bad credentials"
    assert expired.json()["status"] == "401"


async def test_a_token_can_be_narrowed(github: SimulatedGitHub, as_app: httpx.AsyncClient) -> None:
    github.repository("octo/other")
    url = f"/app/installations/{github.installations[0].id}/access_tokens"
    asked = {"repositories": ["octo/hello".partition("/")[2]], "permissions": {"contents": "read"}}
    created = (await as_app.post(url, json=asked)).json()
    assert created["repository_selection"] == "selected"
    assert [one["full_name"] for one in created["repositories"]] == ["octo/hello"]
    async with client_of(github, f"Bearer {created['token']}") as client:
        assert (await client.get(f"{HELLO}/contents/README.md")).status_code == 200
        assert (await client.get("/repos/octo/other/contents/README.md")).status_code == 404
        assert (await client.get(f"{HELLO}/pulls/1")).status_code == 403
        reached = (await client.get("/installation/repositories")).json()
    assert reached["total_count"] == 1
    for bad in ({"repositories": ["nothing"]}, {"permissions": {"contents": "write"}}):
        assert (await as_app.post(url, json=bad)).status_code == 422


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic abc", "token ", "token a.b.c"])
async def test_unknown_credentials_are_refused(github: SimulatedGitHub, authorization: str) -> None:
    async with client_of(github, authorization) as client:
        assert (await client.get(HELLO)).status_code == 401


async def test_no_credentials_are_refused(github: SimulatedGitHub) -> None:
    async with client_of(github) as client:
        answer = await client.get(HELLO)
    assert (answer.status_code, answer.json()["message"]) == (401, "Requires authentication")
    assert answer.headers["x-ratelimit-limit"] == "60"


async def test_each_credential_opens_its_own_doors(
    as_app: httpx.AsyncClient, api: httpx.AsyncClient, person: httpx.AsyncClient
) -> None:
    assert (await as_app.get(HELLO)).status_code == 401
    assert (await api.get("/app")).status_code == 401
    assert (await api.get("/user")).status_code == 403
    assert (await person.get("/user")).json()["login"] == "depot-bot-account"
    assert (await person.get("/installation/repositories")).status_code == 403


async def test_a_missing_permission_is_named(github: SimulatedGitHub) -> None:
    token = github.access.issue_token(github.installations[0], {"metadata": "read"})
    async with client_of(github, f"token {token.text}") as client:
        answer = await client.post(f"{HELLO}/issues/1/comments", json={"body": "hi"})
    assert answer.status_code == 403
    assert answer.json()["message"] == "Resource not accessible by integration"
    wanted = answer.headers["x-accepted-github-permissions"]
    assert wanted == "issues=write; pull_requests=write"


async def test_where_the_app_is_not_installed_there_is_nothing(
    github: SimulatedGitHub, api: httpx.AsyncClient, as_app: httpx.AsyncClient
) -> None:
    github.repository("elsewhere/open", installed=False)
    github.repository("elsewhere/closed", private=True, installed=False)
    for name in ("open", "closed", "missing"):
        assert (await api.get(f"/repos/elsewhere/{name}")).status_code == 404
        assert (await as_app.get(f"/repos/elsewhere/{name}/installation")).status_code == 404


async def test_a_person_sees_what_is_public_or_shared(
    github: SimulatedGitHub, person: httpx.AsyncClient
) -> None:
    github.repository("octo/secret", private=True)
    assert (await person.get(HELLO)).status_code == 200
    assert (await person.get("/repos/octo/secret")).status_code == 404
    github.role("octo/secret", "depot-bot-account", "read")
    assert (await person.get("/repos/octo/secret")).status_code == 200


async def test_an_installation_can_be_suspended_narrowed_and_removed(
    github: SimulatedGitHub, api: httpx.AsyncClient, bot: Bot
) -> None:
    github.suspend("octo")
    assert (await api.get(HELLO)).status_code == 403
    github.unsuspend("octo")
    assert (await api.get(HELLO)).status_code == 200
    github.install("octo", only=("octo/other",))
    assert (await api.get(HELLO)).status_code == 404
    github.uninstall("octo")
    assert (await api.get(HELLO)).status_code == 401
    await github.deliver(HOOK)
    heard = [(one.headers["x-github-event"]) for one in bot.received]
    assert heard == ["installation"] * 3
    assert [one["action"] for one in bot.payloads()] == ["suspend", "unsuspend", "deleted"]


async def test_a_revoked_token_is_worthless(github: SimulatedGitHub) -> None:
    token = github.access.personal_token("alice")
    async with client_of(github, f"token {token}") as client:
        assert (await client.get("/user")).json()["login"] == "alice"
        github.access.revoke(token)
        assert (await client.get("/user")).status_code == 401


# Limits and conditional requests


async def test_every_answer_tells_the_quota(
    github: SimulatedGitHub, api: httpx.AsyncClient, clock: Clock
) -> None:
    first = await api.get(HELLO)
    second = await api.get("/nothing/here")
    missing = await api.get(f"{HELLO}/pulls/99")
    assert first.headers["x-ratelimit-remaining"] == "4999"
    assert second.status_code == 404
    assert missing.headers["x-ratelimit-remaining"] == "4998"
    assert missing.headers["x-ratelimit-reset"] == str(int(START) + 3600)
    limits = (await api.get("/rate_limit")).json()
    assert limits["rate"]["remaining"] == 4998
    clock.time += 3600
    assert github.quotas.of("installation octo").remaining == 5000


async def test_an_unchanged_answer_is_free(api: httpx.AsyncClient) -> None:
    first = await api.get(f"{HELLO}/pulls/1")
    etag = first.headers["etag"]
    again = await api.get(f"{HELLO}/pulls/1", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    await api.post(f"{HELLO}/issues/1/comments", json={"body": "changes the count"})
    changed = await api.get(f"{HELLO}/pulls/1", headers={"if-none-match": etag})
    assert changed.status_code == 200


async def test_an_exhausted_quota_refuses_until_its_reset(
    github: SimulatedGitHub, api: httpx.AsyncClient, clock: Clock
) -> None:
    github.quotas.exhaust("installation octo")
    refused = await api.get(HELLO)
    assert refused.status_code == 403
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert (await api.get("/rate_limit")).status_code == 200
    clock.time = float(refused.headers["x-ratelimit-reset"]) - 1
    assert (await api.get(HELLO)).status_code == 403
    clock.time += 1
    token = github.access.issue_token(github.installations[0])
    fresh = {"authorization": f"token {token.text}"}
    assert (await api.get(HELLO, headers=fresh)).status_code == 200


async def test_unknown_paths_and_methods_are_not_found(api: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/nowhere"), ("PUT", HELLO), ("GET", f"{HELLO}/pulls/one")):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


async def test_requests_are_written_down(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    await api.get(f"{HELLO}/issues/1/comments?per_page=5")
    await api.get(HELLO, headers={"authorization": "token wrong"})
    seen = [(one.method, one.path, one.principal, one.status) for one in github.requests]
    assert seen == [
        ("GET", f"{HELLO}/issues/1/comments", "installation octo", 200),
        ("GET", HELLO, "unknown", 401),
    ]
    assert github.requests[0].query == "per_page=5"
    assert github.requests[0].time == START


# Who may do what


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("admin", "admin"),
        ("maintain", "write"),
        ("write", "write"),
        ("triage", "read"),
        ("read", "read"),
        ("none", "none"),
    ],
)
async def test_roles_have_a_coarse_permission(
    github: SimulatedGitHub, api: httpx.AsyncClient, role: str, permission: str
) -> None:
    github.role("octo/hello", "bob", role)
    answer = (await api.get(f"{HELLO}/collaborators/bob/permission")).json()
    assert (answer["role_name"], answer["permission"]) == (role, permission)
    assert answer["user"]["login"] == "bob"


async def test_custom_roles_no_role_owners_and_nobody(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    github.role("octo/hello", "dora", "deployer", base="write")
    github.repository("octo/secret", private=True)
    github.user("mallory")

    async def ask(repo: str, login: str) -> tuple[str, str]:
        url = f"/repos/octo/{repo}/collaborators/{login}/permission"
        body = (await api.get(url)).json()
        return body["role_name"], body["permission"]

    assert await ask("hello", "dora") == ("deployer", "write")
    assert await ask("hello", "mallory") == ("read", "read")
    assert await ask("secret", "mallory") == ("none", "none")
    assert await ask("hello", "octo") == ("admin", "admin")
    nobody = await api.get(f"{HELLO}/collaborators/nobody/permission")
    assert (nobody.status_code, nobody.json()["message"]) == (404, "nobody is not a user")


async def test_only_writers_may_ask_for_permissions(
    github: SimulatedGitHub, person: httpx.AsyncClient
) -> None:
    url = f"{HELLO}/collaborators/alice/permission"
    assert (await person.get(url)).status_code == 403
    github.role("octo/hello", "depot-bot-account", "write")
    assert (await person.get(url)).status_code == 200


async def test_accounts_can_be_looked_up(api: httpx.AsyncClient) -> None:
    assert (await api.get("/users/ALICE")).json()["login"] == "alice"
    assert (await api.get("/users/depot-bot[bot]")).json()["type"] == "Bot"
    assert (await api.get("/users/nobody")).status_code == 404


# Files and commits


async def test_a_file_comes_as_json_or_raw(api: httpx.AsyncClient) -> None:
    body = (await api.get(f"{HELLO}/contents/src/a.py")).json()
    assert base64.b64decode(body["content"]) == b"a = 1\n"
    assert (body["type"], body["encoding"], body["size"]) == ("file", "base64", 6)
    raw = {"accept": "application/vnd.github.raw+json"}
    answer = await api.get(f"{HELLO}/contents/src/a.py", headers=raw)
    assert answer.content == b"a = 1\n"
    assert answer.headers["content-type"].startswith("application/vnd.github.raw+json")


async def test_folders_list_what_lies_directly_in_them(api: httpx.AsyncClient) -> None:
    root = (await api.get(f"{HELLO}/contents")).json()
    assert [(one["path"], one["type"]) for one in root] == [("README.md", "file"), ("src", "dir")]
    inner = (await api.get(f"{HELLO}/contents/src/")).json()
    assert [(one["name"], one["path"]) for one in inner] == [("a.py", "src/a.py")]


async def test_a_large_file_has_no_content_in_json(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    github.commit("octo/hello", "main", {"big": "x" * (1024 * 1024 + 1)})
    body = (await api.get(f"{HELLO}/contents/big")).json()
    assert (body["content"], body["encoding"], body["size"]) == ("", "none", 1024 * 1024 + 1)
    raw = {"accept": "application/vnd.github.raw+json"}
    assert len((await api.get(f"{HELLO}/contents/big", headers=raw)).content) == 1024 * 1024 + 1


async def test_contents_of_branches_commits_and_nothing(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    head = github.pull("octo/hello", 1).head_sha
    raw = {"accept": "application/vnd.github.raw+json"}
    for ref in ("feature", "refs/heads/feature", head, head[:10]):
        answer = await api.get(f"{HELLO}/contents/src/a.py?ref={ref}", headers=raw)
        assert answer.content == b"a = 2\n", ref
    missing = await api.get(f"{HELLO}/contents/src/a.py?ref=nothing")
    assert missing.json()["message"] == "No commit found for the ref nothing"
    assert (await api.get(f"{HELLO}/contents/nothing")).status_code == 404


async def test_the_head_of_a_fork_is_readable_in_the_base(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    fork = github.fork("octo/hello", "mallory")
    hidden = github.commit("mallory/hello", "private-idea", {"secret": "1"})
    pull = github.pull_request("octo/hello", "mallory", fork=fork, files={"evil.yml": "x"})
    body = (await api.get(f"{HELLO}/contents/evil.yml?ref={pull.head_sha}")).json()
    assert base64.b64decode(body["content"]) == b"x"
    assert (await api.get(f"{HELLO}/commits/{pull.head_sha}")).status_code == 200
    assert (await api.get(f"{HELLO}/commits/{hidden}")).status_code == 422
    rendered = (await api.get(f"{HELLO}/pulls/{pull.number}")).json()
    assert rendered["head"]["repo"]["full_name"] == "mallory/hello"
    assert rendered["base"]["repo"]["full_name"] == "octo/hello"
    assert (await api.get("/repos/mallory/hello")).status_code == 404


async def test_branches_and_comparisons(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    head = github.pull("octo/hello", 1).head_sha
    ref = (await api.get(f"{HELLO}/git/ref/heads/feature")).json()
    assert ref["object"]["sha"] == head
    assert (await api.get(f"{HELLO}/git/ref/heads/nothing")).status_code == 404

    async def relation(basehead: str) -> tuple[str, int, int]:
        body = (await api.get(f"{HELLO}/compare/{basehead}")).json()
        return body["status"], body["ahead_by"], body["behind_by"]

    assert await relation("main...feature") == ("ahead", 1, 0)
    assert await relation(f"{head}...main") == ("behind", 0, 1)
    assert await relation("main...main") == ("identical", 0, 0)
    github.commit("octo/hello", "main", {"README.md": "new"})
    assert await relation("main...feature") == ("diverged", 1, 1)
    github.fork("octo/hello", "mallory")
    assert await relation("main...mallory:feature") == ("diverged", 1, 1)
    assert (await api.get(f"{HELLO}/compare/main...nothing")).status_code == 404
    assert (await api.get(f"{HELLO}/compare/main")).status_code == 404


async def test_a_commit_lists_its_files(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    commit = (await api.get(f"{HELLO}/commits/feature")).json()
    assert commit["sha"] == github.pull("octo/hello", 1).head_sha
    assert commit["stats"] == {"total": 2, "additions": 1, "deletions": 1}


def test_addresses_follow_the_settings() -> None:
    github = SimulatedGitHub(
        now=lambda: START,
        webhook_secret="s",
        api_url="http://127.0.0.1:1/api/v3/",
        web_url="http://127.0.0.1:2",
    )
    github.repository("octo/hello")
    github.pull_request("octo/hello", "alice")
    pull = github.pending_deliveries[-1].payload["pull_request"]
    assert pull["url"] == "http://127.0.0.1:1/api/v3/repos/octo/hello/pulls/1"
    assert pull["html_url"] == "http://127.0.0.1:2/octo/hello/pull/1"


def test_the_same_story_has_the_same_shas() -> None:
    def story() -> str:
        github = SimulatedGitHub(now=lambda: START, webhook_secret="s")
        github.repository("octo/hello", files={"a": "1"})
        return github.pull_request("octo/hello", "alice", files={"a": "2"}).head_sha

    assert story() == story()
    assert len(story()) == 40


def test_what_the_simulated_depot_may_ask() -> None:
    github = SimulatedGitHub(now=lambda: START, webhook_secret="s")
    github.repository("octo/hello", files={"a": "1"})
    github.repository("octo/apart", connected=False)
    fork = github.fork("octo/hello", "mallory")
    pull = github.pull_request("octo/hello", "mallory", fork=fork, files={"b": "2"})
    assert github.files_at("octo/hello", pull.head_sha) == {"a": "1", "b": "2"}
    assert github.files_at("octo/hello", "0" * 40) is None
    assert github.files_at("octo/nothing", pull.head_sha) is None
    main = github.repository_named("octo/hello").branches["main"]
    assert github.branch_head("octo/hello", "HEAD") == main
    assert github.branch_head("octo/hello", "nothing") is None
    assert github.branch_head("octo/nothing", "HEAD") is None
    assert github.from_fork("octo/hello", pull.head_sha)
    assert not github.from_fork("octo/hello", main)
    assert github.pull_requests_at("octo/hello", pull.head_sha) == [pull.number]
    assert github.pull_requests_at("octo/nothing", pull.head_sha) == []
    names = ("octo/hello", "octo/apart", "mallory/hello", "octo/nothing")
    assert [github.connected(name) for name in names] == [True, False, False, False]


# Pull requests


async def test_a_pull_request_and_its_files(api: httpx.AsyncClient) -> None:
    pull = (await api.get(f"{HELLO}/pulls/1")).json()
    assert (pull["title"], pull["state"], pull["changed_files"]) == ("Two", "open", 1)
    assert (pull["commits"], pull["additions"], pull["deletions"]) == (1, 1, 1)
    [file] = (await api.get(f"{HELLO}/pulls/1/files")).json()
    assert (file["filename"], file["status"]) == ("src/a.py", "modified")
    assert file["patch"] == "@@ -1 +1 @@\n-a = 1\n+a = 2"
    listed = (await api.get(f"{HELLO}/pulls")).json()
    assert [one["number"] for one in listed] == [1]


async def test_an_issue_is_no_pull_request(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    issue = github.issue("octo/hello", "alice")
    assert issue.number == 2
    assert (await api.get(f"{HELLO}/pulls/2")).status_code == 404
    assert "pull_request" not in (await api.get(f"{HELLO}/issues/2")).json()
    assert "pull_request" in (await api.get(f"{HELLO}/issues/1")).json()
    with pytest.raises(KeyError):
        github.pull("octo/hello", 2)


async def test_a_push_moves_the_head_and_tells(
    github: SimulatedGitHub, api: httpx.AsyncClient, bot: Bot, clock: Clock
) -> None:
    before = github.pull("octo/hello", 1).head_sha
    clock.time += 90
    after = github.push("octo/hello", 1, {"b.py": ""})
    await github.deliver(HOOK)
    [payload] = bot.payloads()
    assert (payload["action"], payload["before"], payload["after"]) == (
        "synchronize",
        before,
        after,
    )
    assert payload["pull_request"]["head"]["sha"] == after
    assert payload["pull_request"]["updated_at"] == "2026-09-21T14:14:50Z"
    assert payload["pull_request"]["commits"] == 2
    assert (await api.get(f"{HELLO}/pulls/1")).json()["head"]["sha"] == after


async def test_a_force_push_replaces_the_commits(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    before = github.pull("octo/hello", 1).head_sha
    after = github.force_push("octo/hello", 1, {"src/a.py": "a = 3\n"}, by="mallory")
    pull = (await api.get(f"{HELLO}/pulls/1")).json()
    assert (pull["head"]["sha"], pull["commits"]) == (after, 1)
    assert github.pending_deliveries[-1].payload["sender"]["login"] == "mallory"
    assert (await api.get(f"{HELLO}/commits/{before}")).status_code == 200


async def test_a_force_push_in_a_fork_stands_on_the_new_base(github: SimulatedGitHub) -> None:
    fork = github.fork("octo/hello", "mallory")
    pull = github.pull_request("octo/hello", "mallory", fork=fork, files={"x": "1"})
    github.commit("octo/hello", "main", {"README.md": "newer"})
    github.push("octo/hello", pull.number, {"x": "2"})
    sha = github.force_push("octo/hello", pull.number, {"x": "3"})
    files = github.files_at("octo/hello", sha)
    assert files is not None
    assert (files["README.md"], files["x"]) == ("newer", "3")


async def test_a_pull_requests_life_is_told(
    github: SimulatedGitHub, api: httpx.AsyncClient, bot: Bot
) -> None:
    pull = github.pull_request("octo/hello", "bob", branch="other", draft=True)
    github.ready_for_review("octo/hello", pull.number)
    github.label("octo/hello", pull.number, "full-ci", by="alice")
    github.label("octo/hello", pull.number, "full-ci")
    github.unlabel("octo/hello", pull.number, "full-ci")
    github.close("octo/hello", pull.number)
    github.reopen("octo/hello", pull.number)
    merged = github.merge("octo/hello", pull.number, by="alice")
    await github.deliver(HOOK)
    told = bot.payloads()
    assert [one["action"] for one in told] == [
        "opened",
        "ready_for_review",
        "labeled",
        "unlabeled",
        "closed",
        "reopened",
        "closed",
    ]
    assert told[0]["pull_request"]["draft"] is True
    assert (told[2]["label"]["name"], told[2]["sender"]["login"]) == ("full-ci", "alice")
    assert [one["pull_request"]["merged"] for one in told][-3:] == [False, False, True]
    body = (await api.get(f"{HELLO}/pulls/{pull.number}")).json()
    assert (body["merge_commit_sha"], body["merged_by"]["login"]) == (merged, "alice")
    files = github.files_at("octo/hello", github.repository_named("octo/hello").branches["main"])
    assert files is not None
    assert "change.txt" in files


async def test_a_branch_without_a_commit_of_its_own(github: SimulatedGitHub) -> None:
    sha = github.branch("octo/hello", "release")
    assert sha == github.repository_named("octo/hello").branches["main"]
    with pytest.raises(KeyError):
        github.branch("octo/hello", "x", at="nothing")


# Comments and reactions


async def test_a_comment_is_made_edited_and_deleted(
    github: SimulatedGitHub, api: httpx.AsyncClient, clock: Clock
) -> None:
    created = await api.post(f"{HELLO}/issues/1/comments", json={"body": "one\ntwo"})
    assert created.status_code == 201
    url = created.headers["location"]
    assert created.json()["user"]["login"] == "depot-bot[bot]"
    assert created.json()["performed_via_github_app"]["slug"] == "depot-bot"
    clock.time += 5
    edited = await api.patch(url, json={"body": "three"})
    assert edited.json()["body"] == "three"
    assert edited.json()["updated_at"] > edited.json()["created_at"]
    await api.patch(url, json={"body": "three"})
    [comment] = github.comments("octo/hello", 1)
    assert [one.body for one in comment.versions] == ["one\ntwo", "three"]
    assert [one.time for one in comment.edits] == [START + 5]
    assert (await api.get(url)).json()["body"] == "three"
    assert (await api.delete(url)).status_code == 204
    assert (await api.get(url)).status_code == 404
    assert github.comments("octo/hello", 1) == []


async def test_the_bots_own_comments_are_told_too(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    await api.post(f"{HELLO}/issues/1/comments", json={"body": "one\ntwo"})
    [delivery] = github.pending_deliveries
    assert (delivery.event, delivery.action) == ("issue_comment", "created")
    assert delivery.payload["sender"]["type"] == "Bot"
    assert delivery.payload["comment"]["body"] == "one\ntwo"


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b'{"body": ""}', 422, "Validation Failed"),
        (b'{"body": " \\n "}', 422, "Validation Failed"),
        (b"{}", 422, 'Invalid request.\n\n"body" wasn\'t supplied.'),
        (b'{"body": 1}', 422, "Invalid request.\n\nFor 'properties/body', 1 is not a string."),
        (b'{"body": ', 400, "Problems parsing JSON"),
        (b"[]", 400, "Body should be a JSON object"),
    ],
)
async def test_a_bad_comment_is_refused(
    github: SimulatedGitHub, api: httpx.AsyncClient, content: bytes, status: int, said: str
) -> None:
    answer = await api.post(f"{HELLO}/issues/1/comments", content=content)
    assert (answer.status_code, answer.json()["message"]) == (status, said)
    assert github.comments("octo/hello", 1) == []


async def test_the_longest_comment(api: httpx.AsyncClient) -> None:
    url = f"{HELLO}/issues/1/comments"
    assert (await api.post(url, json={"body": "ä" * 65_536})).status_code == 201
    refused = await api.post(url, json={"body": "x" * 65_537})
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["message"] == "Body is too long (maximum is 65536 characters)"


async def test_a_locked_conversation_takes_no_comment(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    github.lock("octo/hello", 1)
    url = f"{HELLO}/issues/1/comments"
    assert (await api.post(url, json={"body": "hi"})).status_code == 403
    github.unlock("octo/hello", 1)
    assert (await api.post(url, json={"body": "hi"})).status_code == 201
    assert (await api.post(f"{HELLO}/issues/9/comments", json={"body": "hi"})).status_code == 404


async def test_people_change_their_own_comments_only(
    github: SimulatedGitHub, person: httpx.AsyncClient
) -> None:
    own = (await person.post(f"{HELLO}/issues/1/comments", json={"body": "mine"})).json()
    assert own["performed_via_github_app"] is None
    assert (await person.patch(own["url"], json={"body": "still"})).status_code == 200
    other = github.comment("octo/hello", 1, "alice", "hers")
    url = f"{HELLO}/issues/comments/{other.id}"
    assert (await person.patch(url, json={"body": "no"})).status_code == 403
    github.role("octo/hello", "depot-bot-account", "write")
    assert (await person.delete(url)).status_code == 204


async def test_comments_come_in_pages(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    for number in range(5):
        github.comment("octo/hello", 1, "alice", str(number))
    url = f"{HELLO}/issues/1/comments"
    first = await api.get(url, params={"per_page": 2})
    assert [one["body"] for one in first.json()] == ["0", "1"]
    assert set(first.links) == {"next", "last"}
    second = await api.get(first.links["next"]["url"])
    assert [one["body"] for one in second.json()] == ["2", "3"]
    assert set(second.links) == {"prev", "first", "next", "last"}
    last = await api.get(second.links["last"]["url"])
    assert [one["body"] for one in last.json()] == ["4"]
    assert set(last.links) == {"prev", "first"}
    assert "link" not in (await api.get(url)).headers
    assert len((await api.get(url, params={"per_page": 1000, "page": "x"})).json()) == 5


async def test_comments_can_be_sorted_and_dated(
    github: SimulatedGitHub, api: httpx.AsyncClient, clock: Clock
) -> None:
    first = github.comment("octo/hello", 1, "alice", "first")
    clock.time += 10
    github.comment("octo/hello", 1, "bob", "second")
    clock.time += 10
    github.edit_comment(first, "first, again")

    async def bodies(url: str, **params: str) -> list[str]:
        return [one["body"] for one in (await api.get(f"{HELLO}{url}", params=params)).json()]

    every = "/issues/comments"
    assert await bodies(every) == ["first, again", "second"]
    assert await bodies(every, direction="desc") == ["first, again", "second"]
    assert await bodies(every, sort="created", direction="desc") == ["second", "first, again"]
    assert await bodies(every, sort="updated") == ["second", "first, again"]
    assert await bodies(every, since="2026-09-21T14:13:40Z") == ["first, again"]
    assert await bodies("/issues/1/comments", since="2026-09-21T14:13:30Z") == [
        "first, again",
        "second",
    ]
    bad = await api.get(f"{HELLO}{every}", params={"since": "yesterday"})
    assert bad.status_code == 422


async def test_a_reaction_is_made_once(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    comment = github.comment("octo/hello", 1, "alice", "look")
    url = f"{HELLO}/issues/comments/{comment.id}"
    first = await api.post(f"{url}/reactions", json={"content": "eyes"})
    again = await api.post(f"{url}/reactions", json={"content": "eyes"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert [one.content for one in github.reactions(comment)] == ["eyes"]
    assert (await api.get(url)).json()["reactions"]["eyes"] == 1
    assert (await api.post(f"{url}/reactions", json={"content": "no"})).status_code == 422
    listed = await api.get(f"{url}/reactions", params={"content": "eyes"})
    assert [one["content"] for one in listed.json()] == ["eyes"]
    assert (await api.get(f"{url}/reactions", params={"content": "heart"})).json() == []


async def test_review_comments_take_reactions(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    comment = github.review_comment("octo/hello", 1, "bob", "why?", path="src/a.py")
    url = f"{HELLO}/pulls/comments/{comment.id}"
    assert (await api.post(f"{url}/reactions", json={"content": "eyes"})).status_code == 201
    assert [one["content"] for one in (await api.get(f"{url}/reactions")).json()] == ["eyes"]
    body = (await api.get(url)).json()
    assert (body["path"], body["reactions"]["eyes"]) == ("src/a.py", 1)
    wrong = f"{HELLO}/pulls/comments/1/reactions"
    assert (await api.post(wrong, json={"content": "eyes"})).status_code == 404


async def test_reviews_are_listed(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    github.review("octo/hello", 1, "bob", "fine", "approved")
    github.review_comment("octo/hello", 1, "bob", "why?", path="src/a.py")
    reviews = (await api.get(f"{HELLO}/pulls/1/reviews")).json()
    assert [one["state"] for one in reviews] == ["APPROVED", "COMMENTED"]
    assert [one["body"] for one in (await api.get(f"{HELLO}/pulls/1/comments")).json()] == ["why?"]


# Webhooks


async def test_a_delivery_is_signed_and_labelled(github: SimulatedGitHub, bot: Bot) -> None:
    await say(github)
    [request] = bot.received
    body, headers = request.content, request.headers
    digest = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={digest}"
    assert headers["x-hub-signature"].startswith("sha1=")
    assert headers["x-github-event"] == "issue_comment"
    assert headers["x-github-hook-installation-target-id"] == "4711"
    assert headers["x-github-hook-installation-target-type"] == "integration"
    assert headers["x-github-hook-id"].isdecimal()
    assert len(headers["x-github-delivery"]) == 36
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    assert headers["content-type"] == "application/json"


async def test_a_comment_arrives_with_crlf(github: SimulatedGitHub) -> None:
    payload = await say(github, "one\ntwo\r\nthree")
    assert payload["comment"]["body"] == "one\r\ntwo\r\nthree"
    assert payload["action"] == "created"
    assert payload["issue"]["pull_request"]["merged_at"] is None
    assert payload["installation"]["id"] == github.installations[0].id
    assert payload["repository"]["full_name"] == "octo/hello"
    assert payload["sender"]["login"] == "alice"
    assert payload["comment"]["author_association"] == "COLLABORATOR"
    assert "organization" not in payload


async def test_organizations_are_named(github: SimulatedGitHub) -> None:
    github.user("acme", "Organization")
    github.repository("acme/site")
    github.role("acme/site", "alice", "write")
    github.pull_request("acme/site", "alice")
    payload = github.pending_deliveries[-1].payload
    assert payload["organization"]["login"] == "acme"
    assert payload["pull_request"]["author_association"] == "MEMBER"
    with pytest.raises(ValueError, match="already"):
        github.user("acme", "User")


async def test_edits_say_what_was_before(github: SimulatedGitHub, bot: Bot) -> None:
    comment = github.comment("octo/hello", 1, "alice", "before")
    github.edit_comment(comment, "after", by="bob")
    github.edit_comment(comment, "after")
    github.delete_comment(comment)
    await github.deliver(HOOK)
    created, edited, deleted = bot.payloads()
    assert created["comment"]["body"] == "before"
    assert edited["changes"] == {"body": {"from": "before"}}
    assert (edited["comment"]["body"], edited["sender"]["login"]) == ("after", "bob")
    assert deleted["action"] == "deleted"


async def test_reviews_carry_the_commit(github: SimulatedGitHub, bot: Bot) -> None:
    old = github.pull("octo/hello", 1).head_sha
    new = github.push("octo/hello", 1, {"b": "1"})
    github.review("octo/hello", 1, "bob", "/depot run", "approved", commit_id=old)
    github.review_comment("octo/hello", 1, "bob", "/depot run", path="b")
    await github.deliver(HOOK)
    _, review, around, comment = bot.payloads()
    assert (review["review"]["commit_id"], review["review"]["state"]) == (old, "approved")
    assert review["pull_request"]["head"]["sha"] == new
    assert (around["review"]["body"], around["review"]["state"]) == (None, "commented")
    assert (comment["comment"]["commit_id"], comment["comment"]["path"]) == (new, "b")
    assert comment["comment"]["pull_request_review_id"] == around["review"]["id"]


async def test_only_subscribed_and_installed_hear(
    clock: Clock, credentials: AppCredentials
) -> None:
    github = SimulatedGitHub(
        now=clock,
        webhook_secret="unused",
        app=replace(credentials, events=("issue_comment",)),
    )
    github.repository("octo/hello")
    github.repository("else/where", installed=False)
    for repo in ("octo/hello", "else/where"):
        github.pull_request(repo, "alice")
        github.comment(repo, 1, "alice", "hi")
    heard = [(one.event, one.action) for one in github.pending_deliveries]
    assert heard == [("installation", "created"), ("issue_comment", "created")]


async def test_a_plain_account_has_repository_hooks(clock: Clock, bot: Bot) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(bot)) as client:
        github = SimulatedGitHub(
            now=clock, webhook_secret="plain", client=client, token="ghp_x", token_login="robo"
        )
        repository = github.repository("octo/hello")
        github.pull_request("octo/hello", "alice")
        github.ping()
        await github.deliver(HOOK)
    request, ping = bot.received
    assert request.headers["x-github-hook-installation-target-type"] == "repository"
    assert request.headers["x-github-hook-installation-target-id"] == str(repository.id)
    digest = hmac.new(b"plain", request.content, hashlib.sha256).hexdigest()
    assert request.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert "installation" not in json.loads(request.content)
    assert json.loads(ping.content)["hook"]["type"] == "Repository"
    with pytest.raises(ValueError, match="no App"):
        github.install("octo")
    async with client_of(github, "token ghp_x") as api:
        created = await api.post(f"{HELLO}/issues/1/comments", json={"body": "hi"})
        assert created.json()["user"]["login"] == "robo"
        run = await api.post(f"{HELLO}/check-runs", json={"name": "x", "head_sha": "y"})
        assert run.status_code == 403
        assert (await api.get("/app")).status_code == 401


async def test_a_lost_delivery_can_be_sent_again(
    github: SimulatedGitHub, bot: Bot, as_app: httpx.AsyncClient
) -> None:
    github.hook_down = True
    await say(github)
    assert bot.received == []
    github.hook_down = False
    listed = (await as_app.get("/app/hook/deliveries")).json()
    lost = listed[0]
    assert (lost["status"], lost["status_code"]) == ("failed to connect to host", 502)
    failed = (await as_app.get("/app/hook/deliveries", params={"status": "failure"})).json()
    assert failed == [lost]
    again = await as_app.post(f"/app/hook/deliveries/{lost['id']}/attempts")
    assert again.status_code == 202
    [request] = bot.received
    assert request.headers["x-github-delivery"] == lost["guid"]
    newest = (await as_app.get("/app/hook/deliveries", params={"per_page": 1})).json()[0]
    assert (newest["guid"], newest["redelivery"], newest["status"]) == (lost["guid"], True, "OK")
    detail = (await as_app.get(f"/app/hook/deliveries/{newest['id']}")).json()
    assert detail["request"]["payload"]["comment"]["body"] == "/depot run ci.yml"
    assert json.loads(detail["response"]["payload"]) == {"result": "queued"}
    assert (await as_app.get("/app/hook/deliveries/1")).status_code == 404
    assert (await as_app.post("/app/hook/deliveries/1/attempts")).status_code == 404


async def test_deliveries_come_in_pages_newest_first(
    github: SimulatedGitHub, as_app: httpx.AsyncClient
) -> None:
    for number in range(4):
        await say(github, str(number))
    known = [one.id for one in reversed(github.delivery_log)]
    seen, url = [], "/app/hook/deliveries?per_page=2"
    while url:
        answer = await as_app.get(url)
        seen += [one["id"] for one in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
        if len(seen) == 2:
            await say(github, "meanwhile")
    assert seen == known
    bad = await as_app.get("/app/hook/deliveries", params={"cursor": "x"})
    assert bad.status_code == 400


async def test_refusals_and_silence_are_logged(
    github: SimulatedGitHub, bot: Bot, clock: Clock, credentials: AppCredentials
) -> None:
    bot.status = 503
    await say(github)
    assert github.delivery_log[-1].status == "Invalid HTTP Response: 503"
    assert not github.delivery_log[-1].ok

    async def never(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    for handler, status in ((never, "timed out"), (broken, "failed to connect to host")):
        transport = httpx.MockTransport(handler)
        async with httpx.AsyncClient(transport=transport) as client:
            other = SimulatedGitHub(now=clock, webhook_secret="s", app=credentials, client=client)
            other.hooks.timeout = 0.01
            other.ping()
            [outcome] = await other.deliver(HOOK)
        assert outcome.status == status


async def test_redelivery_needs_to_know_where(clock: Clock) -> None:
    github = SimulatedGitHub(now=clock, webhook_secret="s")
    github.ping()
    with pytest.raises(RuntimeError):
        await github.redeliver(github.pending_deliveries[0])


async def test_deliveries_can_flow_by_themselves(github: SimulatedGitHub, bot: Bot) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(github.keep_delivering, HOOK)
        for count in (1, 2):
            github.comment("octo/hello", 1, "alice", "hi")
            with anyio.fail_after(2):
                while len(bot.received) < count:
                    await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def test_the_hook_tells_its_configuration(as_app: httpx.AsyncClient) -> None:
    config = (await as_app.get("/app/hook/config")).json()
    assert (config["url"], config["secret"]) == (HOOK, "********")


async def test_two_starts_have_different_delivery_ids() -> None:
    def guid(at: float) -> str:
        github = SimulatedGitHub(now=lambda: at, webhook_secret="s")
        github.ping()
        return github.pending_deliveries[0].guid

    assert guid(1.0) == guid(1.0) != guid(2.0)


# Checks


async def test_a_push_opens_suites(
    github: SimulatedGitHub, api: httpx.AsyncClient, clock: Clock
) -> None:
    clock.time += 61
    head = github.push("octo/hello", 1, {"b": "1"})
    suites = (await api.get(f"{HELLO}/commits/{head}/check-suites")).json()
    [suite] = suites["check_suites"]
    assert suite["app"]["slug"] == "depot-code-access"
    assert suite["created_at"] == "2026-09-21T14:14:21Z"
    assert (suite["head_branch"], suite["status"]) == ("feature", "queued")
    assert [one["number"] for one in suite["pull_requests"]] == [1]
    unknown = await api.get(f"{HELLO}/commits/{'0' * 40}/check-suites")
    assert unknown.status_code == 422


async def test_a_push_to_a_fork_opens_none(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    fork = github.fork("octo/hello", "mallory")
    pull = github.pull_request("octo/hello", "mallory", fork=fork, files={"x": "1"})
    url = f"{HELLO}/commits/{pull.head_sha}"
    assert (await api.get(f"{url}/check-suites")).json()["total_count"] == 0
    github.upsert_check_run("octo/hello", pull.head_sha, "CI / test", "queued")
    [suite] = (await api.get(f"{url}/check-suites")).json()["check_suites"]
    assert (suite["head_branch"], suite["pull_requests"]) == (None, [])


async def test_depots_checks_are_kept_up_to_date(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    head = github.pull("octo/hello", 1).head_sha
    link = "https://depot.dev/orgs/o/workflows/w?job=j"
    github.upsert_check_run("octo/hello", head, "CI / test", "in_progress", details_url=link)
    github.upsert_check_run("octo/hello", head, "CI / test", "completed", "failure")

    async def runs(**params: str) -> list[tuple[str, str | None]]:
        body = (await api.get(f"{HELLO}/commits/{head}/check-runs", params=params)).json()
        return [(one["status"], one["conclusion"]) for one in body["check_runs"]]

    assert await runs() == [("completed", "failure")]
    github.upsert_check_run("octo/hello", head, "CI / test", "queued", new=True)
    assert await runs() == [("queued", None)]
    assert await runs(filter="all") == [("queued", None), ("completed", "failure")]
    assert await runs(check_name="other") == []
    assert await runs(status="completed", filter="all") == [("completed", "failure")]
    assert await runs(app_id="219785") == [("queued", None)]
    assert github.pending_deliveries == []


async def test_a_check_needs_its_commit(github: SimulatedGitHub) -> None:
    with pytest.raises(KeyError):
        github.upsert_check_run("octo/hello", "0" * 40, "CI / test", "queued")


async def test_checks_of_other_apps_are_told_when_asked_for(github: SimulatedGitHub) -> None:
    head = github.pull("octo/hello", 1).head_sha
    github.check_run_webhooks = True
    for status, conclusion in (("queued", None), ("in_progress", None), ("completed", "success")):
        github.upsert_check_run("octo/hello", head, "CI / test", status, conclusion)
    assert [one.action for one in github.pending_deliveries] == ["created", "completed"]
    run = github.pending_deliveries[-1].payload["check_run"]
    assert (run["app"]["slug"], run["conclusion"]) == ("depot-code-access", "success")
    assert run["check_suite"]["head_sha"] == head


async def test_the_app_makes_its_own_checks(github: SimulatedGitHub, bot: Bot) -> None:
    head = github.pull("octo/hello", 1).head_sha
    token = github.access.issue_token(github.installations[0], {"checks": "write"})
    url = f"{HELLO}/check-runs"
    async with client_of(github, f"token {token.text}") as api:
        made = await api.post(url, json={"name": "depot-bot", "head_sha": head})
        assert (made.status_code, made.json()["status"]) == (201, "queued")
        own = f"{url}/{made.json()['id']}"
        output = {"title": "T", "summary": "S"}
        done = await api.patch(own, json={"conclusion": "success", "output": output})
        assert (done.json()["status"], done.json()["output"]["title"]) == ("completed", "T")
        assert (await api.get(own)).json() == done.json()
        foreign = github.upsert_check_run("octo/hello", head, "CI / test", "queued")
        assert (await api.patch(f"{url}/{foreign.id}", json={})).status_code == 403
        assert (await api.get(f"{url}/1")).status_code == 404
        for bad in (
            {"name": "x"},
            {"name": "x", "head_sha": head, "status": "odd"},
            {"name": "x", "head_sha": head, "conclusion": "odd"},
            {"name": "x", "head_sha": head, "status": "completed"},
            {"name": "x", "head_sha": head, "actions": [{}] * 4},
            {"name": "x", "head_sha": head, "output": {"summary": "x" * 65_536}},
        ):
            assert (await api.post(url, json=bad)).status_code == 422, bad
    await github.deliver(HOOK)
    assert [one["action"] for one in bot.payloads()] == ["created", "completed"]


@pytest.mark.parametrize(
    ("conclusions", "status", "conclusion"),
    [
        (["success", "failure"], "completed", "failure"),
        (["success", "neutral"], "completed", "success"),
        (["skipped"], "completed", "skipped"),
        (["success", None], "in_progress", None),
        ([None], "queued", None),
    ],
)
async def test_a_suite_sums_up_its_runs(
    github: SimulatedGitHub,
    api: httpx.AsyncClient,
    conclusions: list[str | None],
    status: str,
    conclusion: str | None,
) -> None:
    head = github.pull("octo/hello", 1).head_sha
    for number, one in enumerate(conclusions):
        github.upsert_check_run("octo/hello", head, f"CI / {number}", "queued", one)
    params = {"app_id": "219785"}
    answer = await api.get(f"{HELLO}/commits/{head}/check-suites", params=params)
    [suite] = answer.json()["check_suites"]
    assert (suite["status"], suite["conclusion"]) == (status, conclusion)


# The App manifest flow


async def test_a_manifest_becomes_the_app(clock: Clock, key: str, bot: Bot) -> None:
    manifest = {
        "name": "My Depot Bot",
        "hook_attributes": {"url": "https://bot.example/webhook"},
        "default_permissions": {"issues": "write", "metadata": "read"},
        "default_events": ["issue_comment"],
    }
    github = SimulatedGitHub(now=clock, webhook_secret="old", make_key=lambda: key)
    code = github.manifest_code(manifest)
    async with client_of(github) as nobody:
        converted = await nobody.post(f"/app-manifests/{code}/conversions")
        assert converted.status_code == 201
        assert (await nobody.post(f"/app-manifests/{code}/conversions")).status_code == 404
        late = github.manifest_code(manifest)
        clock.time += 3600
        assert (await nobody.post(f"/app-manifests/{late}/conversions")).status_code == 404
    made = converted.json()
    assert (made["slug"], made["pem"]) == ("my-depot-bot", key)
    assert github.hooks.secret == made["webhook_secret"] != "old"
    token = app_jwt(made["pem"], at=clock.time, issuer=str(made["id"]))
    async with client_of(github, f"Bearer {token}") as app:
        assert (await app.get("/app")).json()["id"] == made["id"]
        assert (await app.get("/app/hook/config")).json()["url"] == "https://bot.example/webhook"
    github.repository("octo/hello")
    assert github.installations[0].app.slug == "my-depot-bot"


def test_secrets_do_not_print(credentials: AppCredentials) -> None:
    assert "secret" not in repr(credentials)
    assert "PRIVATE" not in repr(credentials)


# Trouble


async def test_a_bad_gateway_for_some_calls(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    fault = github.faults.bad_gateway("GET", r"/pulls/\d+$", times=2)
    statuses = [(await api.get(f"{HELLO}/pulls/1")).status_code for _ in range(3)]
    assert statuses == [502, 502, 200]
    assert fault.hits == 2
    assert [one.faulty for one in github.requests] == [True, True, False]
    lasting = github.faults.bad_gateway("*", ".", times=None)
    html = await api.post(f"{HELLO}/issues/1/comments", json={"body": "hi"})
    assert html.headers["content-type"].startswith("text/html")
    assert github.comments("octo/hello", 1) == []
    lasting.lift()
    assert (await api.get(HELLO)).status_code == 200


async def test_a_secondary_limit(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    github.faults.secondary_limit("POST", "comments", retry_after=7)
    github.faults.secondary_limit("POST", "comments", status=429, retry_after=None)
    url = f"{HELLO}/issues/1/comments"
    first, second, third = [await api.post(url, json={"body": "hi"}) for _ in range(3)]
    assert (first.status_code, first.headers["retry-after"]) == (403, "7")
    assert "secondary rate limit" in first.json()["message"]
    assert second.status_code == 429
    assert "retry-after" not in second.headers
    assert third.status_code == 201


async def test_work_done_and_answer_lost(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    github.faults.lose_answer("POST", "comments")
    github.faults.drop("POST", "comments")
    url = f"{HELLO}/issues/1/comments"
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            await api.post(url, json={"body": "hi"})
    assert [one.body for one in github.comments("octo/hello", 1)] == ["hi"]


async def test_half_an_answer(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    github.faults.truncate("GET", "pulls")
    answer = await api.get(f"{HELLO}/pulls/1")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_an_answer_held_back(github: SimulatedGitHub, api: httpx.AsyncClient) -> None:
    go = anyio.Event()
    github.faults.hold("GET", "pulls", go)
    done: list[int] = []

    async def ask() -> None:
        done.append((await api.get(f"{HELLO}/pulls/1")).status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert done == []
        go.set()
    assert done == [200]


async def test_something_else_happens_meanwhile(
    github: SimulatedGitHub, api: httpx.AsyncClient
) -> None:
    before = github.pull("octo/hello", 1).head_sha
    github.faults.meanwhile("GET", "pulls", lambda: github.push("octo/hello", 1, {"late": "1"}))
    assert (await api.get(f"{HELLO}/pulls/1")).json()["head"]["sha"] != before
    github.faults.answer("GET", "pulls", 500)
    github.faults.lift()
    assert (await api.get(f"{HELLO}/pulls/1")).status_code == 200


# With the real client, and over real sockets


async def test_gidgethub_as_an_app(credentials: AppCredentials, bot: Bot) -> None:
    github = SimulatedGitHub(
        now=lambda: START, jwt_now=time.time, webhook_secret="s", app=credentials
    )
    github.repository("octo/hello")
    github.pull_request("octo/hello", "alice")
    for number in range(3):
        github.comment("octo/hello", 1, "alice", str(number))
    cache: dict[str, Any] = {}
    async with client_of(github) as client:
        app = gidgethub.httpx.GitHubAPI(
            client, "depot-bot", app_id="4711", private_key=credentials.private_key_pem
        )
        installation = await app.getitem(f"{HELLO}/installation")
        token = await gidgethub.apps.get_installation_access_token(
            app,
            installation_id=str(installation["id"]),
            app_id="4711",
            private_key=credentials.private_key_pem,
        )
        gh = gidgethub.httpx.GitHubAPI(client, "depot-bot", oauth_token=token["token"], cache=cache)
        url = f"{HELLO}/issues/1/comments"
        comments = [one["body"] async for one in gh.getiter(f"{url}?per_page=2")]
        assert comments == ["0", "1", "2"]
        await gh.post(url, data={"body": "hello"})
        for _ in range(2):
            assert (await gh.getitem(f"{HELLO}/pulls/1"))["number"] == 1
        assert github.requests[-1].status == 304
        with pytest.raises(gidgethub.ValidationError, match="too long"):
            await gh.post(url, data={"body": "x" * 65_537})
        github.quotas.exhaust("installation octo")
        with pytest.raises(gidgethub.RateLimitExceeded):
            await gh.getitem(HELLO)


@contextmanager
def served(github: SimulatedGitHub) -> Iterator[str]:
    """The API on a real socket of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(github.app, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


async def test_served_by_uvicorn_lost_answers_are_broken_connections(
    github: SimulatedGitHub,
) -> None:
    token = github.access.issue_token(github.installations[0])
    headers = {"authorization": f"token {token.text}"}
    github.faults.lose_answer("POST", "comments")
    with served(github) as url:
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:
            assert (await client.get(HELLO)).status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post(f"{HELLO}/issues/1/comments", json={"body": "hi"})
            assert (await client.post(f"{HELLO}/issues/1/comments", json={"body": "ho"})).is_success
            listed = await client.get(f"{HELLO}/issues/comments", params={"per_page": 1})
            more = await client.get(listed.links["next"]["url"])
    assert [one["body"] for one in more.json()] == ["ho"]
    assert [one.body for one in github.comments("octo/hello", 1)] == ["hi", "ho"]
