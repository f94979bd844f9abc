"""The web application: what each route answers, and that it has stored before it says so."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Message, Scope

from bot.demo.simulators.github import Delivery, SimulatedGitHub
from bot.demo.simulators.github.events import Commented
from bot.demo.simulators.github.webhooks import signatures
from bot.demo.stage import Stage
from bot.github.webhooks import MAX_BODY
from bot.services import Services
from bot.web.app import create_app
from bot.web.webhook_endpoint import WebhookEndpoint
from tests.support.conversation import REPO, Hook, ManualClock, bot_on
from tests.support.databases import Halt

pytestmark = pytest.mark.anyio


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def services(
    stage: Stage, clock: ManualClock, hook: Hook, ledger_file: Path
) -> AsyncIterator[Services]:
    async with bot_on(stage, clock, hook, ledger_file) as services:
        stage.github.hooks.pending.clear()
        yield services


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(services, run_worker=False)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://bot.test"
    ) as client:
        yield client


def comment(github: SimulatedGitHub, body: str = "/depot run ci.yml") -> Delivery:
    """Alice comments; what GitHub is about to deliver."""
    github.comment(REPO, 1, "alice", body)
    return github.hooks.pending.pop()


def headers(stage: Stage, delivery: Delivery) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-github-event": delivery.event,
        "x-github-delivery": delivery.guid,
        "x-github-hook-id": "7",
        **signatures(stage.credentials.webhook_secret, delivery.body),
    }


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    """What another process finds in the database."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


async def test_a_command_is_on_disk_before_it_is_accepted(
    stage: Stage, client: httpx.AsyncClient, ledger_file: Path
) -> None:
    delivery = comment(stage.github, "/depot run ci.yml")
    answer = await client.post("/webhook", content=delivery.body, headers=headers(stage, delivery))
    assert (answer.status_code, answer.json()) == (202, {"result": "queued"})
    ((request_id, author, due),) = rows(ledger_file, "select id, author, due_at from work_items")
    assert author == "alice"
    assert due is not None
    assert rows(ledger_file, "select id, line, decided from commands order by position") == [
        (f"{request_id}.1", "run ci.yml", 0)
    ]
    assert rows(ledger_file, "select hook, guid, event from deliveries") == [
        ("7", delivery.guid, "issue_comment")
    ]
    # Nobody upstream has been asked anything.
    assert stage.github.requests == []
    assert stage.depot.calls == []


async def test_a_comment_of_several_lines_is_on_disk_as_it_is(
    stage: Stage, client: httpx.AsyncClient, ledger_file: Path
) -> None:
    delivery = comment(stage.github, "please\r\n/depot run ci.yml\r\n\r\n/depot list")
    answer = await client.post("/webhook", content=delivery.body, headers=headers(stage, delivery))
    assert (answer.status_code, answer.json()) == (202, {"result": "queued"})
    assert rows(ledger_file, "select text, deciding from work_items") == [
        ("please\n/depot run ci.yml\n\n/depot list", 1)
    ]
    assert rows(ledger_file, "select * from commands") == []


@pytest.mark.parametrize("unit", ["- - - a\n", "> ", "*_`[", "<!-- ", "/depot x\n", "@depot-"])
async def test_no_comment_keeps_the_endpoint_busy(
    stage: Stage, client: httpx.AsyncClient, unit: str
) -> None:
    text = "/depot run\n\n" + unit * (60_000 // len(unit))
    delivery = comment(stage.github, text)
    began = time.thread_time()
    answer = await client.post("/webhook", content=delivery.body, headers=headers(stage, delivery))
    assert time.thread_time() - began < 0.05
    assert answer.json() == {"result": "queued"}


async def test_the_same_delivery_again_is_a_duplicate(
    stage: Stage, client: httpx.AsyncClient, ledger_file: Path
) -> None:
    delivery = comment(stage.github)
    sent = headers(stage, delivery)
    await client.post("/webhook", content=delivery.body, headers=sent)
    answer = await client.post("/webhook", content=delivery.body, headers=sent)
    assert (answer.status_code, answer.json()) == (202, {"result": "duplicate"})
    # The same comment through another hook is the same comment.
    other = {**sent, "x-github-hook-id": "8"}
    answer = await client.post("/webhook", content=delivery.body, headers=other)
    assert (answer.status_code, answer.json()) == (202, {"result": "duplicate"})
    assert rows(ledger_file, "select count(*) from work_items") == [(1,)]


async def test_what_is_not_for_us_is_ignored_and_not_stored(
    stage: Stage, client: httpx.AsyncClient, ledger_file: Path
) -> None:
    delivery = comment(stage.github, "just talking")
    answer = await client.post("/webhook", content=delivery.body, headers=headers(stage, delivery))
    assert (answer.status_code, answer.json()) == (202, {"result": "ignored"})
    assert rows(ledger_file, "select count(*) from work_items") == [(0,)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"x-hub-signature-256": None}, 401),
        ({"x-hub-signature-256": "sha256=" + "0" * 64}, 401),
        ({"x-hub-signature-256": "sha256=é"}, 401),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": None}, 415),
        ({"x-github-event": None}, 400),
        ({"x-github-delivery": None}, 400),
        ({"x-github-delivery": "no id"}, 400),
    ],
)
async def test_headers_that_are_turned_away(
    change: Mapping[str, str | None],
    status: int,
    stage: Stage,
    client: httpx.AsyncClient,
    ledger_file: Path,
) -> None:
    delivery = comment(stage.github)
    sent = {k.lower(): v for k, v in headers(stage, delivery).items()}
    raw = [(k.encode(), v.encode()) for k, v in {**sent, **change}.items() if v is not None]
    answer = await client.post("/webhook", content=delivery.body, headers=raw)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert rows(ledger_file, "select count(*) from work_items") == [(0,)]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"\xff"])
async def test_a_signed_body_that_is_no_payload_is_malformed(
    body: bytes, stage: Stage, client: httpx.AsyncClient
) -> None:
    signed = signatures(stage.credentials.webhook_secret, body)
    sent = {**headers(stage, comment(stage.github)), **signed}
    answer = await client.post("/webhook", content=body, headers=sent)
    assert answer.status_code == 400


async def test_nothing_is_parsed_before_the_signature_fits(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/webhook", content=b"{")
    assert answer.status_code == 401


# --- bodies that are too large -------------------------------------------------------------------


class Wire:
    """The ASGI server's side of one request, which counts what was read of the body."""

    def __init__(self, chunks: list[bytes], headers: Mapping[str, str]) -> None:
        self._chunks = list(chunks)
        self.read = 0
        self.sent: list[Message] = []
        self.scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/webhook",
            "raw_path": b"/webhook",
            "query_string": b"",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("bot", 80),
        }

    async def receive(self) -> Message:
        chunk = self._chunks.pop(0)
        self.read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(self._chunks)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> object:
        return self.sent[0]["status"]


SIGNED = {"x-hub-signature-256": "sha256=" + "0" * 64}


async def test_without_a_signature_nothing_of_the_body_is_read(services: Services) -> None:
    wire = Wire([b"x" * 1024] * 3, {"content-length": "3072"})
    await create_app(services, run_worker=False)(wire.scope, wire.receive, wire.send)
    assert wire.status == 401
    assert wire.read == 0


async def test_a_declared_length_over_the_limit_is_not_read_at_all(services: Services) -> None:
    wire = Wire([b"x"], SIGNED | {"content-length": str(MAX_BODY + 1)})
    await create_app(services, run_worker=False)(wire.scope, wire.receive, wire.send)
    assert wire.status == 413
    assert wire.read == 0


@pytest.mark.parametrize("declared", [{}, {"content-length": "10"}, {"content-length": "many"}])
async def test_an_undeclared_length_is_read_to_the_limit_and_no_further(
    declared: Mapping[str, str], services: Services
) -> None:
    chunk = bytes(1024 * 1024)
    wire = Wire([chunk] * 40, {**SIGNED, **declared})
    await create_app(services, run_worker=False)(wire.scope, wire.receive, wire.send)
    assert wire.status == 413
    assert wire.read == MAX_BODY + len(chunk)


async def test_a_body_of_just_the_limit_is_read(services: Services) -> None:
    wire = Wire([bytes(MAX_BODY)], SIGNED | {"content-length": str(MAX_BODY)})
    await create_app(services, run_worker=False)(wire.scope, wire.receive, wire.send)
    assert wire.status == 401  # read, and not signed


# --- when the ledger fails -----------------------------------------------------------------------


async def test_a_ledger_that_cannot_store_it_is_said_to_github(
    stage: Stage, client: httpx.AsyncClient, ledger_file: Path
) -> None:
    with closing(sqlite3.connect(ledger_file)) as database:
        database.execute("drop table commands")
        database.commit()
    delivery = comment(stage.github)
    sent = headers(stage, delivery)
    answer = await client.post("/webhook", content=delivery.body, headers=sent)
    assert answer.status_code == 503
    assert list(answer.json()) == ["error"]
    # Nothing of it is left behind, or the redelivery would count as a duplicate.
    assert rows(ledger_file, "select count(*) from deliveries") == [(0,)]
    assert rows(ledger_file, "select count(*) from work_items") == [(0,)]


async def test_a_ledger_that_takes_longer_than_github_waits(
    stage: Stage, services: Services, ledger_file: Path
) -> None:
    ledger, secrets = services.ledger, lambda: services.settings.webhook_secrets
    endpoint = WebhookEndpoint(ledger, secrets, services.metrics, lambda: None, store_seconds=0.05)
    halt = Halt()
    held = asyncio.create_task(services.store.transact(halt.stand))
    await halt.reached.wait()
    delivery = comment(stage.github)
    sent = headers(stage, delivery)
    way = httpx.ASGITransport(app=endpoint)
    async with httpx.AsyncClient(transport=way, base_url="http://bot.test") as client:
        answer = await client.post("/webhook", content=delivery.body, headers=sent)
        assert answer.status_code == 503
        halt.let_go.set()
        await held
    # It was stored late; sent again, it leads to nothing new.
    way = httpx.ASGITransport(app=create_app(services, run_worker=False))
    async with httpx.AsyncClient(transport=way, base_url="http://bot.test") as client:
        answer = await client.post("/webhook", content=delivery.body, headers=sent)
    assert (answer.status_code, answer.json()) == (202, {"result": "duplicate"})
    assert rows(ledger_file, "select count(*) from work_items") == [(1,)]


async def test_a_ledger_that_does_not_answer_is_not_ready(
    client: httpx.AsyncClient, ledger_file: Path
) -> None:
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
    with closing(sqlite3.connect(ledger_file)) as database:
        database.execute("drop table work_items")
        database.commit()
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/healthz")).json() == {"status": "ok"}


# --- the rest ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_the_webhook_takes_post_only(method: str, client: httpx.AsyncClient) -> None:
    assert (await client.request(method, "/webhook")).status_code == 405


async def test_other_paths_are_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks")).status_code == 404


async def test_two_bots_side_by_side(private_key: str, clock: ManualClock, tmp_path: Path) -> None:
    stages = [Stage(now=clock.now, private_key=private_key) for _ in range(2)]
    files = [tmp_path / "one.db", tmp_path / "two.db"]
    for stage in stages:
        stage.github.repository(REPO)
        stage.github.pull_request(REPO, "alice")
        stage.github.hooks.pending.clear()
    async with (
        bot_on(stages[0], clock, Hook(), files[0]) as first,
        bot_on(stages[1], clock, Hook(), files[1]) as second,
    ):
        delivery = comment(stages[0].github)
        results = []
        for services in (first, second, first):
            transport = httpx.ASGITransport(app=create_app(services, run_worker=False))
            async with httpx.AsyncClient(transport=transport, base_url="http://bot.test") as client:
                answer = await client.post(
                    "/webhook", content=delivery.body, headers=headers(stages[0], delivery)
                )
                results.append(answer.json()["result"])
    assert results == ["queued", "queued", "duplicate"]
    assert [rows(file, "select count(*) from work_items") for file in files] == [[(1,)], [(1,)]]


async def test_the_worker_runs_while_the_app_does(
    stage: Stage, services: Services, client: httpx.AsyncClient
) -> None:
    app = create_app(services)
    answered = anyio.Event()

    def listen(event: object) -> None:
        if isinstance(event, Commented) and event.sender.login == "depot-bot[bot]":
            answered.set()

    delivery = comment(stage.github, "/depot help")
    stage.github.listen(listen)
    async with app.router.lifespan_context(app):
        await client.post("/webhook", content=delivery.body, headers=headers(stage, delivery))
        with anyio.fail_after(10):
            await answered.wait()


IMPORTING = """
import os, sys
done = []

def hook(event, arguments):
    if event in {"socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen"}:
        done.append((event, str(arguments)))
    elif event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        done.append((event, str(arguments)))

sys.addaudithook(hook)
import bot.web.app
assert "bot.demo" not in sys.modules
print(done)
"""


def test_importing_the_app_needs_and_opens_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORTING],
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[]\n")
    assert list(tmp_path.iterdir()) == []


def test_the_body_limit_is_githubs() -> None:
    assert MAX_BODY == 25 * 1024 * 1024
