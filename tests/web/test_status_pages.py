"""Status pages: what they show, to whom, and what their answers carry."""

from __future__ import annotations

import base64
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from html import escape, unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.core.deliveries import Delivery, HeadChanged
from bot.core.failures import JobFailure
from bot.core.types import RepoName, RunId, Sha
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.stage import Stage
from bot.github.webhooks import read
from bot.messages import reply as reply_message
from bot.messages.markdown import find_hidden
from bot.services import Services
from bot.web.app import create_app
from bot.web.auth import COOKIE, Access
from bot.web.pages import HEADERS
from bot.web.status_pages import PAGE_LENGTH
from tests.support.base_branch import ERROR, pushed
from tests.support.commands import said
from tests.support.conversation import REPO, Conversation, Hook, ManualClock, bot_on
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
JSON = {"accept": "application/json"}

Browser = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@asynccontextmanager
async def browser(
    services: Services,
    access: Access | None = None,
    *,
    peer: str = "127.0.0.1",
    host: str = "localhost",
    password: str = "",
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(services, access, run_worker=False)
    transport = httpx.ASGITransport(app=app, client=(peer, 4000))
    async with httpx.AsyncClient(
        transport=transport,
        base_url=f"http://{host}:8000",
        auth=("me", password) if password else None,
    ) as client:
        yield client


@pytest.fixture
async def client(pr: Conversation) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(pr.services, password=pr.services.settings.admin_password) as client:
        yield client


def text_of(html: str) -> str:
    """What of a page is to be read."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


async def listed(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/{query}", headers=JSON)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# --- flaky jobs ----------------------------------------------------------------------------------


async def test_flaky_jobs(
    pr: Conversation, client: httpx.AsyncClient, depot: SimulatedDepot
) -> None:
    assert "None." in text_of((await client.get("/flaky")).text)
    depot.plan(job="test", attempt=1, outcome="failed")
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)
    await pr.says("alice", "/depot retry")
    await pr.passes(60)
    hears_all(pr)
    run = depot.runs[0]
    page = f"https://depot.dev/orgs/{run.org_id}/workflows/{run.run_id}"
    for path in ("/flaky", "/flaky?repo=Octo/Hello"):
        answer = await client.get(path)
        assert f"test ci.yml {REPO} 1 " in text_of(answer.text)
        assert f'href="{page}"' in answer.text
        found = (await client.get(path, headers=JSON)).json()
        (job,) = found["jobs"]
        assert found["days"] == 30
        assert job.pop("last_at") <= pr.clock.time
        assert job == {
            "repo": REPO,
            "workflow": "ci.yml",
            "job": "test",
            "times": 1,
            "runs": [{"id": run.run_id, "url": page}],
        }
    assert (await client.get("/flaky?repo=octo/other", headers=JSON)).json()["jobs"] == []
    assert (await client.get("/flaky?repo=hello", headers=JSON)).status_code == 400


async def test_a_flaky_job_with_a_hostile_name(pr: Conversation, client: httpx.AsyncClient) -> None:
    hostile = "<script>alert(1)</script>"
    one = JobFailure(
        *(RunId("r1"), "j1", 1, RepoName(REPO), Sha("a" * 40), "ci.yml", hostile, "test"),
        passed_attempt=2,
    )
    await pr.services.ledger.job_failures.save([one])
    page = (await client.get("/flaky")).text
    assert hostile not in page
    assert escape(hostile) in page


# --- the overview --------------------------------------------------------------------------------


async def test_nothing_yet(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    said = text_of(answer.text)
    assert "Nothing here." in said
    assert "0 undecided" in said or "undecided commands 0" in said
    found = await listed(client)
    assert found["commands"] == []
    assert found["next"] is None
    assert found["queue"] == {
        "undecided": 0,
        "due": 0,
        "oldest_waiting_seconds": 0.0,
        "followed_runs": 0,
        "waiting_writes": 0,
        "set_aside": 0,
    }


async def test_what_came_in_what_was_decided_and_why_and_its_runs(
    pr: Conversation, client: httpx.AsyncClient, depot: SimulatedDepot
) -> None:
    ran = await pr.says("alice", "/depot run ci.yml job=test")
    refused = await pr.says("rita", "/depot run ci.yml")
    said = text_of((await client.get("/")).text)
    assert "/depot run ci.yml job=test" in said
    assert f"ic-{ran.id}.1" in said
    assert f"{REPO}#1 alice, 0 s ago started" in said
    run = depot.runs[0]
    assert f"queued {run.run_id} ci.yml (test) on {pr.head[:7]}" in said
    assert "rita, 0 s ago not-a-writer" in said
    assert "needs the write role in this repository; you have read." in said
    found = await listed(client)
    assert [command["id"] for command in found["commands"]] == [
        f"ic-{refused.id}.1",
        f"ic-{ran.id}.1",
    ]
    assert found["commands"][1] | {"answer": "", "received_at": 0, "decided_at": 0} == {
        "id": f"ic-{ran.id}.1",
        "request": f"ic-{ran.id}",
        "repo": REPO,
        "number": 1,
        "author": "alice",
        "line": "run ci.yml job=test",
        "received_at": 0,
        "decided_at": 0,
        "state": "following",
        "reason": "started",
        "answer": "",
        "runs": [{"id": run.run_id, "sha": pr.head, "state": "queued"}],
    }
    assert found["queue"]["followed_runs"] == 1
    await pr.passes(60)
    found = await listed(client)
    assert found["commands"][1]["state"] == "done"
    assert found["commands"][1]["runs"][0]["state"] == "finished"
    assert found["queue"]["followed_runs"] == 0
    assert "finished" in text_of((await client.get("/")).text)
    read_all(pr)


def read_all(pr: Conversation) -> None:
    """These tests are about the pages: what the bot says is read elsewhere."""
    pr.github.thread(REPO, 1).comments.clear()


async def test_the_queue(
    pr: Conversation, client: httpx.AsyncClient, clock: ManualClock, stage: Stage
) -> None:
    stage.github.faults.bad_gateway("*", "", times=None)
    await pr.says("alice", "/depot run ci.yml\n/depot list")
    clock.time += 300
    queue = (await listed(client))["queue"]
    assert queue == {
        "undecided": 2,
        "due": 1,
        "oldest_waiting_seconds": 300.0,
        "followed_runs": 0,
        "waiting_writes": 0,
        "set_aside": 0,
    }
    said = text_of((await client.get("/")).text)
    assert "undecided commands 2" in said
    assert "oldest waiting 5 min" in said
    assert said.count("deciding") == 2


async def test_what_is_set_aside(
    pr: Conversation, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    comment = await pr.says("alice", "/depot run ci.yml")
    broken = sa.text("update tracked_runs set state = 'null'")
    await pr.services.store.transact(lambda db: db.execute(broken))
    assert "set aside" not in text_of((await client.get("/")).text)
    await pr.passes(600)
    facts = await listed(client)
    assert facts["queue"]["set_aside"] == 1
    assert [one["request"] for one in facts["set_aside"]] == [f"ic-{comment.id}"]
    said = text_of((await client.get("/")).text)
    assert "depot-bot requeue" in said
    assert "unknown" in said  # the run whose state cannot be read
    assert "depot_bot_set_aside 1.0" in (await client.get("/metrics")).text
    answer = await client.get(f"/commands/ic-{comment.id}")
    assert answer.status_code == 500
    assert "cannot be read" in answer.text
    mended = sa.text(
        """update tracked_runs set state = '{"run_id":"x","org_id":"","status":"failed"}'"""
    )
    await pr.services.store.transact(lambda db: db.execute(mended))
    said = text_of((await client.get(f"/commands/ic-{comment.id}")).text)
    assert f"depot-bot requeue ic-{comment.id} puts it back" in said
    read_all(pr)


async def test_rate_limits(pr: Conversation, client: httpx.AsyncClient) -> None:
    said = text_of((await client.get("/")).text)
    await pr.says("rita", "/depot help")
    limits = (await listed(client))["rate_limits"]
    installation = pr.github.installations[0].id
    (of_it,) = (one for one in limits if one["installation"] == installation)
    assert 0 < of_it["remaining"] < of_it["limit"]
    said = text_of((await client.get("/")).text)
    assert f"installation {installation} {of_it['remaining']} {of_it['limit']}" in said
    read_all(pr)


# --- filters and pages ---------------------------------------------------------------------------


async def test_filters(pr: Conversation, client: httpx.AsyncClient) -> None:
    ran = await pr.says("alice", "/depot run ci.yml")
    refused = await pr.says("rita", "/depot run ci.yml")

    async def ids(query: str) -> list[str]:
        return [command["request"] for command in (await listed(client, query))["commands"]]

    both = [f"ic-{refused.id}", f"ic-{ran.id}"]
    assert await ids(f"?repo={REPO}") == both
    assert await ids("?repo=OCTO/Hello&reason=&state=") == both
    assert await ids("?repo=octo/other") == []
    assert await ids("?reason=not-a-writer") == both[:1]
    assert await ids("?reason=started") == both[1:]
    assert await ids("?state=following") == both[1:]
    assert await ids("?state=done") == both[:1]
    assert await ids("?state=undecided") == []
    html = (await client.get("/?reason=started&state=following")).text
    assert 'value="started"' in html
    assert "<option selected>following</option>" in html
    assert "show all" in html
    read_all(pr)


@pytest.mark.parametrize(
    "query",
    ["repo=octo", "repo=a/b/c", "repo=%00/x", "reason=%27", "state=lost", "before=x", "before=%00"],
)
async def test_a_query_that_makes_no_sense(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/?{query}", headers=JSON)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert (await client.get(f"/?{query}")).status_code == 400


async def test_paging_by_key(pr: Conversation, client: httpx.AsyncClient) -> None:
    lines = "\n".join(["/depot help"] * 10)
    made = []
    for _ in range(PAGE_LENGTH // 10 * 2 + 1):
        made.append(await pr.says("rita", lines))
    everything = [f"ic-{c.id}.{place}" for c in reversed(made) for place in range(10, 0, -1)]
    # All came in at the same moment: their ids tell them apart.
    seen: list[str] = []
    key = None
    while True:
        found = await listed(client, f"?before={key}" if key else "")
        seen += [command["id"] for command in found["commands"]]
        if key is None:
            # What comes in meanwhile moves nothing.
            await pr.says("rita", "/depot help")
        key = found["next"]
        if key is None:
            break
        assert len(found["commands"]) == PAGE_LENGTH
    assert seen == everything
    html = (await client.get("/")).text
    assert re.search(r'href="/\?before=ic-\d+\.\d+" rel="next"', html)
    assert ">newest<" not in html
    html = (await client.get(f"/?reason=answered&before={everything[-11]}")).text
    assert '<a href="/?reason=answered">newest</a>' in html
    assert 'rel="next"' not in html
    read_all(pr)


async def test_a_key_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/?before=ic-1.1")).status_code == 404


# --- one command ---------------------------------------------------------------------------------


async def test_one_command(pr: Conversation, client: httpx.AsyncClient) -> None:
    comment = await pr.says("alice", "/depot run ci.yml job=test\n/depot rum")
    answer = await client.get(f"/commands/ic-{comment.id}")
    said = text_of(answer.text)
    assert "a comment by alice" in said
    assert f"Run {pr.depot.runs[0].run_id} of ci.yml ( test ) on {pr.head[:7]} : ⏸ queued." in said
    assert "There is no command rum" in said
    assert f"{pr.head[:7]} started" in said  # the intent
    one = text_of((await client.get(f"/commands/ic-{comment.id}.2")).text)
    assert "There is no command rum" in one
    assert "queued" not in one
    assert "all commands of this comment" in one
    await pr.passes(60)
    assert "✅ passed" in text_of((await client.get(f"/commands/ic-{comment.id}.1")).text)
    read_all(pr)


async def test_the_facts_are_those_of_the_reply(
    pr: Conversation, client: httpx.AsyncClient
) -> None:
    broke = pushed(pr, ERROR)
    pr.depot.plan(job="test", outcome="failed", error_message=ERROR)
    comment = await pr.says("alice", "/depot run ci.yml\n/depot list")
    await pr.passes(60)
    reply = said(pr)[0]
    facts = find_hidden(reply_message.MARK, reply.body)
    assert facts is not None
    (run,) = facts["commands"][0]["runs"]
    base = {"branch": "main", "runs_known": 1, "runs_seen": 1, "since": broke.sha}
    assert run["seen_elsewhere"] == [{"jobs": ["test"], "base": base}]
    assert (await client.get(f"/commands/ic-{comment.id}", headers=JSON)).json() == facts
    second = (await client.get(f"/commands/ic-{comment.id}.2", headers=JSON)).json()
    assert second == {**facts, "commands": facts["commands"][1:]}
    read_all(pr)


@pytest.mark.parametrize(
    "id", ["ic-1", "ic-1.1", "x", "ic-1.1.1", "ic-1%00", "ic-1%2F..", "ic-%F0%9F%91%80", "%27"]
)
async def test_a_command_that_is_not_there(client: httpx.AsyncClient, id: str) -> None:
    answer = await client.get(f"/commands/{id}", headers=JSON)
    assert answer.status_code == 404
    html = await client.get(f"/commands/{id}")
    assert html.status_code == 404
    if "%2F" not in id:
        assert answer.json() == {"error": "There is no such command."}
        assert "There is no such command." in html.text


async def test_a_place_that_is_not_there(pr: Conversation, client: httpx.AsyncClient) -> None:
    comment = await pr.says("rita", "/depot help")
    assert (await client.get(f"/commands/ic-{comment.id}.2")).status_code == 404
    read_all(pr)


async def test_trouble_is_shown(pr: Conversation, client: httpx.AsyncClient, stage: Stage) -> None:
    stage.github.faults.bad_gateway("*", "", times=None)
    comment = await pr.says("alice", "/depot run ci.yml")
    await pr.passes(30)
    said = text_of((await client.get(f"/commands/ic-{comment.id}")).text)
    assert "steps in a row have failed" in said or "in trouble since" in said


async def test_yaml_that_came_along_is_shown(pr: Conversation, client: httpx.AsyncClient) -> None:
    yaml = "on: push\njobs: {x: {runs-on: <b>, steps: []}}"
    comment = await pr.says("maya", f"/depot run\n```yaml\n{yaml}\n```")
    html = (await client.get(f"/commands/ic-{comment.id}")).text
    assert escape(yaml) in html
    read_all(pr)


async def test_what_happened_without_a_command(pr: Conversation, client: httpx.AsyncClient) -> None:
    outcome = next(one for one in pr.github.delivery_log if one.delivery.event == "pull_request")
    event = read(Delivery("1", outcome.delivery.guid, "pull_request"), outcome.delivery.body)
    assert isinstance(event, HeadChanged)
    said = text_of((await client.get(f"/commands/{event.event.work_item_id}")).text)
    assert "opened by alice" in said
    assert "It led to no command." in said
    assert (await listed(client))["commands"] == []


# --- what comes from outside ---------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> {{7*7}} javascript:x"


async def test_nothing_from_outside_is_html(
    pr: Conversation, client: httpx.AsyncClient, depot: SimulatedDepot
) -> None:
    depot.plan(outcome="failed", error_message=HOSTILE, diagnosis=HOSTILE, log=[HOSTILE])
    first = await pr.says("alice", f"/depot run '{HOSTILE}'")
    second = await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)
    pages = ["/", f"/commands/ic-{first.id}", f"/commands/ic-{second.id}"]
    for page in pages:
        html = (await client.get(page)).text
        assert "<script" not in html
        assert "<img" not in html
        assert "{{7*7}}" in html or page.endswith(str(second.id)) or page == "/"
        assert 'href="javascript' not in html
    assert "Why it failed" in html
    read_all(pr)


# --- what every answer carries -------------------------------------------------------------------

PATHS = ["/", "/commands/ic-1", "/?state=lost", "/metrics", "/static/style.css", "/static/no.css"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1"])
async def test_headers(pr: Conversation, path: str, peer: str) -> None:
    async with browser(pr.services, peer=peer) as client:
        answer = await client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


async def test_the_style_sheet(client: httpx.AsyncClient) -> None:
    html = (await client.get("/")).text
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', html):
        answer = await client.get(path)
        assert answer.status_code == 200
    assert (await client.get("/static/style.css")).headers["content-type"].startswith("text/css")
    assert "style=" not in html


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2fpages.py",
        "/static/../pages.py",
        "/static/",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/%00",
    ],
)
async def test_no_other_files(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_refreshing_only_when_asked_to(client: httpx.AsyncClient) -> None:
    html = (await client.get("/?reason=started")).text
    assert "http-equiv" not in html
    assert 'href="/?reason=started">refresh</a>' in html
    assert 'href="/?reason=started&amp;refresh=10">keep refreshing</a>' in html
    html = (await client.get("/?reason=started&refresh=1")).text
    assert '<meta http-equiv="refresh" content="10">' in html
    assert 'href="/?reason=started">stop</a>' in html


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("application/json, text/html;q=0.5", True),
        ("application/json;q=0.9, text/html", False),
        ("text/html,application/json", False),
        ("application/json;q=x", False),
        ("*/*", False),
        ("", False),
        ("Application/JSON; charset=utf-8", True),
    ],
)
async def test_which_form(client: httpx.AsyncClient, accept: str, is_json: bool) -> None:
    answer = await client.get("/", headers={"accept": accept})
    assert answer.headers["content-type"].startswith("application/json") == is_json
    assert answer.headers["vary"] == "accept"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_pages_only_look(client: httpx.AsyncClient, method: str) -> None:
    for path in ("/", "/commands/ic-1", "/metrics"):
        assert (await client.request(method, path)).status_code == 405


async def test_a_ledger_that_cannot_be_read(
    client: httpx.AsyncClient, tmp_path: Path, pr: Conversation
) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("drop table tracked_runs")
        database.commit()
    for accept in (JSON, {}):
        answer = await client.get("/", headers=accept)
        assert answer.status_code == 503
        assert "The ledger cannot be read now." in answer.text


# --- to whom -------------------------------------------------------------------------------------

GUARDED = ["/", "/commands/ic-1", "/metrics"]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    ("peer", "host"),
    [("127.0.0.1", "localhost"), ("10.0.0.1", "localhost"), ("127.0.0.1", "bot.example")],
)
async def test_without_a_password_by_the_link_only(
    pr: Conversation, path: str, peer: str, host: str
) -> None:
    access = Access.with_password("")
    async with browser(pr.services, access, peer=peer, host=host) as client:
        answer = await client.get(path)
        assert answer.status_code == 401
        assert "the link that the bot printed" in answer.text
        as_json = await client.get(path, headers=JSON)
        assert list(as_json.json()) == ["error"]
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        logged_in = await client.get(access.link(""))
        assert (logged_in.status_code, logged_in.headers["location"]) == (303, "/")
        assert access.password not in str(logged_in.headers)
        assert (await client.get(path)).status_code in {200, 404}
    async with browser(pr.services, Access.with_password(""), host=host) as client:
        client.cookies.set(COOKIE, access.cookie)
        assert (await client.get(path)).status_code == 401  # another start, another password


@pytest.mark.parametrize(("public_url", "is_secure"), [("https://b.example", True), ("", False)])
async def test_the_cookie_of_the_link(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, public_url: str, is_secure: bool
) -> None:
    access = Access.with_password("")
    async with (
        bot_on(stage, clock, hook, tmp_path / "x.db", PUBLIC_URL=public_url) as services,
        browser(services, access) as client,
    ):
        cookie = (await client.get(access.link(""))).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert ("Secure" in cookie) == is_secure


async def test_a_wrong_link_is_logged(pr: Conversation) -> None:
    access = Access.with_password("")
    async with browser(pr.services, access) as client:
        with capture_logs() as logs:
            answer = await client.get("/login?token=guessed")
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert [one["event"] for one in logs] == ["wrong_password"]
    assert "guessed" not in str(logs)


async def test_no_link_where_a_password_was_set(pr: Conversation) -> None:
    password = pr.services.settings.admin_password
    async with browser(pr.services) as client:
        assert (await client.get(f"/login?token={password}")).status_code == 404


@pytest.mark.parametrize("path", ["/check/", "/metrics/", "/commands/ic-1/"])
async def test_no_redirect_goes_where_the_host_says(pr: Conversation, path: str) -> None:
    async with browser(pr.services, host="evil.example") as client:
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", GUARDED)
async def test_with_a_password(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, path: str
) -> None:
    async with bot_on(
        stage, clock, hook, tmp_path / "x.db", ADMIN_PASSWORD="s3cret-s3cret"
    ) as services:
        async with browser(services) as client:
            answer = await client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Basic realm="depot-bot", charset="UTF-8"'
        for peer in ("127.0.0.1", "10.0.0.1"):
            async with browser(services, peer=peer, host="bot.example") as client:
                given = base64.b64encode(b"me:s3cret-s3cret").decode()
                answer = await client.get(path, headers={"authorization": f"Basic {given}"})
                assert answer.status_code in {200, 404}
                assert "s3cret-s3cret" not in answer.text
                assert (await client.get("/healthz")).status_code == 200


async def test_a_wrong_password_is_logged(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    password = {"ADMIN_PASSWORD": "s3cret-s3cret"}
    async with (
        bot_on(stage, clock, hook, tmp_path / "x.db", **password) as services,
        browser(services, peer="10.0.0.1", host="bot.example") as client,
    ):
        with capture_logs() as logs:
            await client.get("/")
            given = base64.b64encode(b"me:guessed-guessed").decode()
            await client.get("/", headers={"authorization": f"Basic {given}"})
        (told,) = [one for one in logs if one["event"] == "wrong_password"]
        assert told["peer"] == "10.0.0.1"
        assert "guessed" not in str(told)


async def test_no_secrets_are_shown(
    pr: Conversation, client: httpx.AsyncClient, stage: Stage
) -> None:
    comment = await pr.says("alice", "/depot run ci.yml")
    secrets = [stage.credentials.webhook_secret, stage.depot.token, "PRIVATE KEY", "ghs_"]
    for path in ("/", f"/commands/ic-{comment.id}", "/metrics"):
        for accept in (JSON, {}):
            text = (await client.get(path, headers=accept)).text
            assert not [secret for secret in secrets if secret in text]
    read_all(pr)


# --- to be read by everybody ---------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_every_text_is_to_be_read_in_the_light_and_in_the_dark() -> None:
    css = (ROOT / "bot" / "web" / "static" / "style.css").read_text()
    palettes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    assert len(palettes) == 2
    for palette in palettes:
        for text in ("text", "faint", "link", "good", "bad", "moving"):
            for ground in ("ground", "card", "code"):
                assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)


async def test_headings_and_table_headers(pr: Conversation, client: httpx.AsyncClient) -> None:
    comment = await pr.says("alice", "/depot run ci.yml\n/depot list")
    await pr.passes(60)
    for path in ("/", f"/commands/ic-{comment.id}", "/commands/ic-1"):
        html = (await client.get(path)).text
        levels = [int(level) for level in re.findall(r"<h(\d)", html)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert html.count("<table") == html.count("<thead")
        assert '<html lang="en">' in html
    read_all(pr)
