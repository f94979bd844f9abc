"""What is asked of GitHub, with which credentials, and what each answer becomes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from bot.core.credentials import AppCredentials, Credentials, TokenCredentials
from bot.core.events import Source
from bot.core.types import Permission, RepoName, Sha
from bot.demo.simulators.github import RequestRecord, SimulatedGitHub
from bot.demo.stage import Stage
from bot.github.api import ROLE_SECONDS, GitHub
from bot.github.errors import (
    BadCredentials,
    Forbidden,
    GitHubError,
    GitHubUnavailable,
    NotFound,
    NotInstalled,
)
from bot.github.session import TOKEN_MARGIN
from tests.contracts.checks import transport_to
from tests.support.conversation import CI, REPO, ManualClock

pytestmark = pytest.mark.anyio

HELLO = RepoName("octo/hello")
URL = "https://api.github.com"
TOKEN_PATH = "/access_tokens"


@asynccontextmanager
async def opened(
    github: SimulatedGitHub, credentials: Credentials, clock: ManualClock
) -> AsyncIterator[GitHub]:
    with transport_to(github) as way:
        async with httpx.AsyncClient(transport=way) as client:
            yield GitHub(client, credentials, url=URL, clock=clock)


@pytest.fixture
async def hub(stage: Stage, clock: ManualClock) -> AsyncIterator[GitHub]:
    """The bot as an App."""
    app = AppCredentials(str(stage.credentials.app_id), stage.credentials.private_key_pem)
    async with opened(stage.github, app, clock) as hub:
        yield hub


@pytest.fixture
def installation(github: SimulatedGitHub) -> int:
    (one,) = github.installations
    return one.id


@pytest.fixture
def head(github: SimulatedGitHub) -> Sha:
    return Sha(github.pull(REPO, 1).head_sha)


def asked(github: SimulatedGitHub, part: str) -> list[RequestRecord]:
    return [one for one in github.requests if part in one.path]


# --- who we are ----------------------------------------------------------------------------------


async def test_as_an_app(hub: GitHub, github: SimulatedGitHub, installation: int) -> None:
    assert await hub.login() == "depot-bot[bot]"
    assert (await hub.at(HELLO, installation).pull_request(1)).number == 1
    assert [(one.path, one.principal) for one in github.requests] == [
        ("/app", "app depot-bot"),
        (f"/app/installations/{installation}/access_tokens", "app depot-bot"),
        ("/repos/octo/hello/pulls/1", "installation octo"),
    ]


async def test_an_installation_that_nobody_named_is_looked_up(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    for _ in range(2):
        await hub.at(HELLO, None).pull_request(1)
    assert [one.path for one in github.requests[:2]] == [
        "/repos/octo/hello/installation",
        f"/app/installations/{installation}/access_tokens",
    ]
    assert len(asked(github, "/installation")) == 2  # both of them once


async def test_with_a_token(clock: ManualClock) -> None:
    github = SimulatedGitHub(now=clock.now, webhook_secret="s", token="ghp_s3cret")
    github.repository(REPO)
    github.role(REPO, "depot-bot-account", "write")
    github.pull_request(REPO, "alice")
    async with opened(github, TokenCredentials("ghp_s3cret"), clock) as hub:
        assert await hub.login() == "depot-bot-account"
        assert await hub.login() == "depot-bot-account"
        assert (await hub.at(HELLO, None).pull_request(1)).is_open
    assert [(one.path, one.principal) for one in github.requests] == [
        ("/user", "depot-bot-account"),
        ("/repos/octo/hello/pulls/1", "depot-bot-account"),
    ]


async def test_credentials_do_not_print() -> None:
    for one in (AppCredentials("41", "s3cret"), TokenCredentials("s3cret")):
        assert "s3cret" not in f"{one} {one!r} {[one]}"


# --- installation tokens -------------------------------------------------------------------------


async def test_a_token_is_kept_and_renewed_before_its_end(
    hub: GitHub, github: SimulatedGitHub, installation: int, clock: ManualClock
) -> None:
    repository = hub.at(HELLO, installation)
    await repository.pull_request(1)
    clock.time += 3600 - TOKEN_MARGIN - 1
    await repository.pull_request(1)
    assert len(asked(github, TOKEN_PATH)) == 1
    clock.time += 1
    await repository.pull_request(1)
    assert len(asked(github, TOKEN_PATH)) == 2
    assert all(one.status in {200, 201, 304} for one in github.requests)


async def test_twenty_who_ask_at_once_are_one_flight(
    hub: GitHub, github: SimulatedGitHub, installation: int, head: Sha
) -> None:
    repository = hub.at(HELLO, installation)
    roles = await asyncio.gather(*(repository.permission("Alice") for _ in range(20)))
    texts = await asyncio.gather(*(repository.workflow_text(head, "ci.yml") for _ in range(20)))
    names = await asyncio.gather(*(repository.workflow_names(head) for _ in range(20)))
    logins = await asyncio.gather(*(hub.login() for _ in range(20)))
    assert set(roles) == {Permission.WRITE}
    assert set(texts) == {CI}
    assert set(names) == {("ci.yml", "nightly.yaml")}
    assert set(logins) == {"depot-bot[bot]"}
    assert [one.path.rpartition("/")[2] for one in github.requests] == [
        *("access_tokens", "permission", "ci.yml", "workflows", "app"),
    ]


async def test_a_refused_token_is_forgotten(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    repository = hub.at(HELLO, installation)
    await repository.pull_request(1)
    github.access._installation_tokens.clear()  # as when an App's installation is renewed
    with pytest.raises(BadCredentials):
        await repository.pull_request(1)
    assert (await repository.pull_request(1)).number == 1
    assert len(asked(github, TOKEN_PATH)) == 2


async def test_a_refused_token_of_an_installation_that_was_looked_up_is_forgotten(
    hub: GitHub, github: SimulatedGitHub
) -> None:
    repository = hub.at(HELLO, None)
    await repository.pull_request(1)
    github.access._installation_tokens.clear()
    with pytest.raises(BadCredentials):
        await repository.pull_request(1)
    await repository.pull_request(1)


async def test_a_token_refused_while_listing_is_forgotten(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    repository = hub.at(HELLO, installation)
    await hub.login()
    await repository.pull_request(1)
    github.access._installation_tokens.clear()
    with pytest.raises(BadCredentials):
        [comment async for comment in repository.own_comments(1, since=0)]
    await repository.pull_request(1)


async def test_a_repository_without_the_app(hub: GitHub, github: SimulatedGitHub) -> None:
    github.repository("other/place", installed=False)
    with pytest.raises(NotInstalled):
        await hub.at(RepoName("other/place"), None).pull_request(1)


async def test_an_app_that_was_installed_again(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    repository = hub.at(HELLO, None)
    assert (await repository.pull_request(1)).number == 1
    github.uninstall("octo")
    with pytest.raises(BadCredentials):  # of the token
        await repository.pull_request(1)
    for named in (None, installation):
        with pytest.raises(NotInstalled):
            await hub.at(HELLO, named).pull_request(1)
    github.install("octo")
    for named in (None, installation):
        assert (await hub.at(HELLO, named).pull_request(1)).number == 1


# --- trouble -------------------------------------------------------------------------------------


async def test_a_pull_request_that_is_not_there(hub: GitHub, installation: int) -> None:
    with pytest.raises(NotFound):
        await hub.at(HELLO, installation).pull_request(99)


@pytest.mark.parametrize(
    ("status", "said", "seconds"),
    # Where GitHub does not say how long, its documentation asks for at least a minute.
    [(403, 30, 30), (429, 7, 7), (403, None, 60), (429, None, 60)],
)
async def test_a_secondary_limit(
    status: int,
    said: int | None,
    seconds: int,
    hub: GitHub,
    github: SimulatedGitHub,
    installation: int,
) -> None:
    github.faults.secondary_limit("GET", "/pulls/1", status=status, retry_after=said)
    with pytest.raises(GitHubUnavailable) as caught:
        await hub.at(HELLO, installation).pull_request(1)
    assert caught.value.retry_after == seconds
    assert (await hub.at(HELLO, installation).pull_request(1)).number == 1


async def test_the_primary_limit(hub: GitHub, github: SimulatedGitHub, installation: int) -> None:
    github.quotas.exhaust("installation octo")
    with pytest.raises(GitHubUnavailable):
        await hub.at(HELLO, installation).pull_request(1)


@pytest.mark.parametrize("what", ["bad_gateway", "drop", "lose_answer", "truncate"])
async def test_an_answer_that_does_not_come(
    what: str, hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    getattr(github.faults, what)("GET", "/pulls/1")
    with pytest.raises(GitHubUnavailable) as caught:
        await hub.at(HELLO, installation).pull_request(1)
    assert "<" not in str(caught.value)


async def test_a_locked_thread_takes_no_comment(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    github.lock(REPO, 1)
    with pytest.raises(GitHubError):
        await hub.at(HELLO, installation).comment(1, "hello")
    assert github.comments(REPO, 1) == []


async def test_an_app_without_the_permission_is_forbidden(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    github.installations[0].permissions.clear()
    with pytest.raises((Forbidden, NotFound)):
        await hub.at(HELLO, installation).comment(1, "hello")


# --- reading -------------------------------------------------------------------------------------


async def test_a_pull_request(
    hub: GitHub, github: SimulatedGitHub, installation: int, head: Sha
) -> None:
    repository = hub.at(HELLO, installation)
    got = await repository.pull_request(1)
    assert (got.number, got.is_open) == (1, True)
    assert (got.head.sha, got.head.branch) == (head, "feature")
    assert (got.head.repo, got.head.base, got.head.in_fork) == (HELLO, HELLO, False)
    github.close(REPO, 1)
    assert not (await repository.pull_request(1)).is_open


async def test_a_pull_request_from_a_fork(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    fork = github.fork(REPO, "mallory")
    number = github.pull_request(REPO, "mallory", fork=fork, branch="evil").number
    got = await hub.at(HELLO, installation).pull_request(number)
    assert (got.head.repo, got.head.in_fork) == ("mallory/hello", True)


async def test_a_second_look_costs_no_quota(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    repository = hub.at(HELLO, installation)
    first = await repository.pull_request(1)
    used = github.quotas.of("installation octo").used
    assert await repository.pull_request(1) == first
    assert [one.status for one in asked(github, "/pulls/1")] == [200, 304]
    assert github.quotas.of("installation octo").used == used
    github.push(REPO, 1, {"change.txt": "two\n"})
    assert (await repository.pull_request(1)).head.sha != first.head.sha


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("ada", Permission.ADMIN),
        ("maya", Permission.MAINTAIN),
        ("alice", Permission.WRITE),
        ("ALICE", Permission.WRITE),
        ("trudy", Permission.TRIAGE),
        ("rita", Permission.READ),
        ("nobody", Permission.NONE),
        ("not/a/login", Permission.NONE),
        (".", Permission.NONE),
        ("..", Permission.NONE),
    ],
)
async def test_roles(login: str, expected: Permission, hub: GitHub, installation: int) -> None:
    repository = hub.at(HELLO, installation)
    if expected is Permission.NONE:
        with pytest.raises(NotFound) as absent:
            await repository.permission(login)
        repository = hub.at(HELLO, installation, absent=absent.value.what)
    assert await repository.permission(login) is expected


@pytest.mark.parametrize("base", ["read", "write", "admin"])
async def test_a_custom_role_counts_as_what_it_builds_on(
    base: str, hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    github.role(REPO, "carol", "release captain", base=base)
    assert await hub.at(HELLO, installation).permission("carol") is Permission.from_role(base)


async def test_a_role_is_believed_for_a_minute(
    hub: GitHub, github: SimulatedGitHub, installation: int, clock: ManualClock
) -> None:
    repository = hub.at(HELLO, installation)
    assert await repository.permission("alice") is Permission.WRITE
    github.role(REPO, "alice", "read")
    clock.time += ROLE_SECONDS - 1
    assert await repository.permission("alice") is Permission.WRITE
    clock.time += 1
    assert await repository.permission("alice") is Permission.READ


async def test_a_failure_while_asking_for_a_role_is_not_kept(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    github.faults.bad_gateway("GET", "/permission")
    repository = hub.at(HELLO, installation)
    with pytest.raises(GitHubUnavailable):
        await repository.permission("alice")
    assert await repository.permission("alice") is Permission.WRITE


async def test_workflow_files(
    hub: GitHub, github: SimulatedGitHub, installation: int, head: Sha
) -> None:
    repository = hub.at(HELLO, installation)
    assert await repository.workflow_names(head) == ("ci.yml", "nightly.yaml")
    assert await repository.workflow_text(head, "ci.yml") == CI
    with pytest.raises(NotFound):
        await repository.workflow_text(head, "none.yml")
    before = len(github.requests)
    assert await repository.workflow_text(head, "ci.yml") == CI
    assert await repository.workflow_names(head) == ("ci.yml", "nightly.yaml")
    assert len(github.requests) == before


async def test_what_is_no_workflow_file_is_not_listed(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    sha = github.push(
        REPO,
        1,
        {
            ".depot/workflows/README.md": "x",
            ".depot/workflows/sub/deep.yml": "x",
            ".depot/workflows/ünïcode name.yml": "jobs: {}",
            ".depot/workflows/ci.yml": None,
        },
    )
    repository = hub.at(HELLO, installation)
    assert await repository.workflow_names(Sha(sha)) == ("nightly.yaml", "ünïcode name.yml")
    assert await repository.workflow_text(Sha(sha), "ünïcode name.yml") == "jobs: {}"


async def test_a_commit_without_workflows(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    github.repository("octo/empty")
    github.pull_request("octo/empty", "alice")
    sha = Sha(github.pull("octo/empty", 1).head_sha)
    empty = RepoName("octo/empty")
    with pytest.raises(NotFound) as absent:
        await hub.at(empty, installation).workflow_names(sha)
    counts = hub.at(empty, installation, absent=absent.value.what)
    assert await counts.workflow_names(sha) == ()


async def test_a_file_that_is_too_large_is_not_read(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    sha = Sha(github.push(REPO, 1, {".depot/workflows/big.yml": "#" * (512 * 1024 + 1)}))
    assert await hub.at(HELLO, installation).workflow_text(sha, "big.yml") is None


async def test_an_empty_file_is_empty(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    sha = Sha(github.push(REPO, 1, {".depot/workflows/empty.yml": ""}))
    assert await hub.at(HELLO, installation).workflow_text(sha, "empty.yml") == ""


async def test_a_file_that_is_not_utf_8_is_no_outage() -> None:
    content_type = {"content-type": "application/vnd.github.raw+json; charset=utf-8"}

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"name: \xe9", headers=content_type)

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    hub = GitHub(client, TokenCredentials("t"), url=URL, clock=ManualClock())
    assert await hub.at(HELLO, None).workflow_text(Sha("a" * 40), "ci.yml") == "name: \ufffd"


# --- writing -------------------------------------------------------------------------------------


async def test_reactions_comments_and_edits(
    hub: GitHub, github: SimulatedGitHub, installation: int
) -> None:
    repository = hub.at(HELLO, installation)
    on_thread = github.comment(REPO, 1, "alice", "/depot run")
    on_line = github.review_comment(REPO, 1, "alice", "/depot run", "change.txt")
    await repository.react(Source.ISSUE_COMMENT, on_thread.id)
    await repository.react(Source.REVIEW_COMMENT, on_line.id)
    for comment in (on_thread, on_line):
        assert [one.content for one in comment.reactions] == ["eyes"]
    before = len(github.requests)
    await repository.react(Source.REVIEW, 1)  # a review's text takes none
    assert len(github.requests) == before
    text = "naïve 🚀 <!-- x -->"
    comment_id = await repository.comment(1, text)
    await repository.edit_comment(comment_id, text + "!")
    assert [v.body for v in github.comments(REPO, 1)[-1].versions] == [text, text + "!"]


async def test_our_own_comments_among_many(
    hub: GitHub, github: SimulatedGitHub, installation: int, clock: ManualClock
) -> None:
    repository = hub.at(HELLO, installation)
    await repository.comment(1, "old")
    clock.time += 100
    since = clock.time
    for number in range(150):
        github.comment(REPO, 1, "alice", f"talk {number}")
    github.comment(REPO, 1, "another[bot]", "not us")
    ids = [await repository.comment(1, f"ours {number}") for number in range(120)]
    github.requests.clear()
    found = [comment async for comment in repository.own_comments(1, since)]
    assert [comment.comment_id for comment in found] == ids
    assert [comment.body for comment in found] == [f"ours {n}" for n in range(120)]
    assert [one.query.count("per_page=100") for one in asked(github, "/comments")] == [1, 1, 1]


# --- where credentials go ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/page2",
        "http://api.github.com/page2",
        "https://api.github.com.evil.example/page2",
        "https://api.github.com@evil.example/page2",
        "https://api.github.com:8443/page2",
    ],
)
async def test_credentials_follow_no_link_to_another_host(url: str) -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        body: object = {"login": "bot"} if request.url.path == "/user" else []
        return httpx.Response(200, json=body, headers={"link": f'<{url}>; rel="next"'})

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    hub = GitHub(client, TokenCredentials("ghp_s3cret"), url=URL, clock=ManualClock())
    with pytest.raises(GitHubError) as caught:
        [comment async for comment in hub.at(HELLO, None).own_comments(1, since=0)]
    assert "s3cret" not in repr(caught.value)
    assert {str(request.url.copy_with(raw_path=b"/")) for request in requests} == {f"{URL}/"}
    assert len(requests) == 2


ATTEMPT = {
    "id": 17,
    "guid": "g-1",
    "event": "issue_comment",
    "delivered_at": "2025-11-24T00:00:00Z",
    "status_code": 502,
}


def log_of(answer: object, key: str) -> GitHub:
    """An App whose log of deliveries is answered like this."""
    handler = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    client = httpx.AsyncClient(transport=handler)
    return GitHub(client, AppCredentials("41", key), url=URL, clock=ManualClock())


@pytest.mark.parametrize(
    "odd", [{}, {"id": "x"}, {"guid": None}, {"delivered_at": None}, {"delivered_at": "soon"}]
)
async def test_an_attempt_that_cannot_be_read_hides_no_other(
    odd: dict[str, object], private_key: str
) -> None:
    odd = {**ATTEMPT, **odd} if odd else {}
    hub = log_of([odd, {**ATTEMPT, "id": 18, "guid": "g-2"}], private_key)
    assert "g-2" in [failed.guid async for failed in hub.failed_attempts(0.0)]
    assert "g-2" in [failed.guid for failed in await hub.failed_deliveries(0.0)]


@pytest.mark.parametrize("answer", [{"message": "ok"}, ["ok"], [[]], "ok"])
async def test_what_is_no_log_of_deliveries(answer: object, private_key: str) -> None:
    with pytest.raises(GitHubUnavailable):
        [failed async for failed in log_of(answer, private_key).failed_attempts(0.0)]


async def test_a_next_page_that_is_no_address() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        body: object = {"login": "bot"} if request.url.path == "/user" else []
        return httpx.Response(
            200, json=body, headers={"link": f'<{URL}/{"a" * 70_000}>; rel="next"'}
        )

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    hub = GitHub(client, TokenCredentials("ghp_s3cret"), url=URL, clock=ManualClock())
    with pytest.raises(GitHubUnavailable):
        [comment async for comment in hub.at(HELLO, None).own_comments(1, since=0)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_credentials_follow_no_redirect(status: int) -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, headers={"location": "https://evil.example/"})

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    hub = GitHub(client, TokenCredentials("ghp_s3cret"), url=URL, clock=ManualClock())
    with pytest.raises(GitHubUnavailable):
        await hub.at(HELLO, None).pull_request(1)
    assert len(requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_what_is_written_is_written_where_github_says(status: int) -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if request.url.path.startswith("/repos/"):
            path = request.url.path.replace("/repos/octo/hello", "/repositories/1")
            return httpx.Response(status, json={}, headers={"location": f"{URL}{path}"})
        return httpx.Response(201 if request.method == "POST" else 200, json={"id": 7})

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    hub = GitHub(client, TokenCredentials("ghp_s3cret"), url=URL, clock=ManualClock())
    assert await hub.at(HELLO, None).comment(1, "words") == 7
    await hub.at(HELLO, None).edit_comment(7, "other words")
    assert [
        (request.method, request.url.path, json.loads(request.content)) for request in requests
    ] == [
        ("POST", "/repos/octo/hello/issues/1/comments", {"body": "words"}),
        ("POST", "/repositories/1/issues/1/comments", {"body": "words"}),
        ("PATCH", "/repos/octo/hello/issues/comments/7", {"body": "other words"}),
        ("PATCH", "/repositories/1/issues/comments/7", {"body": "other words"}),
    ]


async def test_to_see_something_else_is_no_answer() -> None:
    """303 asks for a GET of something else: what was sent was not written there."""
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(303, json={}, headers={"location": f"{URL}/user"})

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    hub = GitHub(client, TokenCredentials("ghp_s3cret"), url=URL, clock=ManualClock())
    with pytest.raises(GitHubUnavailable):
        await hub.at(HELLO, None).comment(1, "words")
    assert len(requests) == 1


@pytest.mark.parametrize("repo", ["octo/hello?x=", "octo/../../user", "octo/a#b"])
async def test_odd_names_stay_in_their_place(repo: str) -> None:
    paths: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404, json={"message": "Not Found"})

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    hub = GitHub(client, TokenCredentials("t"), url=URL, clock=ManualClock())
    with pytest.raises(GitHubError):
        await hub.at(RepoName(repo), None).pull_request(1)
    assert all(path.startswith(b"/repos/octo/") for path in paths)


@pytest.mark.parametrize("name", ["../../../../../../user/ci.yml", "../../../other/ci.yml"])
async def test_a_typed_name_does_not_leave_the_workflow_folder(
    name: str, hub: GitHub, github: SimulatedGitHub, installation: int, head: Sha
) -> None:
    await hub.login()
    await hub.at(HELLO, installation).pull_request(1)
    github.requests.clear()
    with pytest.raises(NotFound):
        await hub.at(HELLO, installation).workflow_text(head, name)
    for request in github.requests:
        assert request.path.startswith("/repos/octo/hello/contents/.depot/workflows/")


async def test_an_enterprise_server_under_a_path() -> None:
    urls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, content=json.dumps({"login": "bot"}))

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    base = "https://ghes.example/api/v3"
    hub = GitHub(client, TokenCredentials("t"), url=base, clock=ManualClock())
    with pytest.raises(GitHubUnavailable):  # no content type: not JSON
        await hub.login()
    assert urls == [f"{base}/user"]


async def test_jwts_are_made_anew(
    hub: GitHub, github: SimulatedGitHub, installation: int, clock: ManualClock
) -> None:
    for _ in range(3):
        clock.time += 3600
        await hub.at(HELLO, installation).pull_request(1)
    assert [one.status for one in asked(github, TOKEN_PATH)] == [201, 201, 201]
