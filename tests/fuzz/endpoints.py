"""The whole app as the outside meets it, and what its ledger holds afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from starlette.types import Message, Scope

from bot.demo.stage import Stage
from bot.web.app import create_app
from tests.support.conversation import Hook, ManualClock, bot_on
from tests.support.databases import Database

Header = tuple[bytes, bytes]

LARGEST_ANSWER = 400
"""Bytes. What is answered may say what is wrong, and must not repeat what was sent."""


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def result(self) -> str:
        """What was made of a delivery that was accepted; else empty."""
        return str(json.loads(self.body).get("result", ""))


@dataclass(frozen=True)
class Stored:
    """What the ledger holds, as far as a delivery can change it."""

    deliveries: int
    requests: int
    commands: int
    heads: int


class Endpoint:
    """`POST /webhook` of one bot."""

    def __init__(
        self, app: Starlette, portal: BlockingPortal, database: Database, secret: str
    ) -> None:
        self.app = app
        self.database = database
        self.portal = portal
        self._secret = secret.encode()
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """One that was not there before: an id that the ledger does not know yet."""
        return next(self._numbers)

    def signature(self, body: bytes) -> Header:
        digest = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        return b"x-hub-signature-256", f"sha256={digest}".encode()

    def headers(self, event: str, body: bytes, guid: str = "") -> list[Header]:
        """As GitHub sends them."""
        return [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-github-event", event.encode()),
            (b"x-github-delivery", (guid or f"guid-{self.number()}").encode()),
            (b"x-github-hook-id", b"7"),
            self.signature(body),
        ]

    def post(self, headers: Sequence[Header], *chunks: bytes) -> Answer:
        """What the app answers; an exception that it lets out is raised here."""
        return self.portal.call(self._post, list(headers), list(chunks or (b"",)))

    def post_at_once(self, requests: Sequence[tuple[Sequence[Header], bytes]]) -> list[Answer]:
        """The same for many, side by side."""

        async def all_of_them() -> list[Answer]:
            posts = [self._post(list(headers), [body]) for headers, body in requests]
            return await asyncio.gather(*posts)

        return self.portal.call(all_of_them)

    async def _post(self, headers: list[Header], chunks: list[bytes]) -> Answer:
        sent: list[Message] = []

        async def receive() -> Message:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(_scope(headers), receive, send)
        start, *rest = sent
        body = b"".join(message.get("body", b"") for message in rest)
        return Answer(start["status"], dict(start["headers"]), body)

    def stored(self) -> Stored:
        ((deliveries, requests, commands, heads),) = self.database.rows(
            "select (select count(*) from deliveries), (select count(*) from work_items),"
            " (select count(*) from commands), (select count(*) from heads)"
        )
        return Stored(deliveries, requests, commands, heads)


def _scope(headers: list[Header]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/webhook",
        "raw_path": b"/webhook",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("bot", 80),
    }


@contextmanager
def door_on(folder: Path, private_key: str, postgresql_url: str = "") -> Iterator[Endpoint]:
    """A bot with a ledger of its own; on SQLite if no other database is named."""
    clock = ManualClock()
    stage = Stage(now=clock.now, private_key=private_key)
    file = folder / "ledger.db"
    url = postgresql_url or f"sqlite:///{file}"
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(
            bot_on(stage, clock, Hook(), file, DATABASE_URL=url)
        ) as services,
    ):
        app = create_app(services, run_worker=False)
        yield Endpoint(app, portal, Database(url, clock), stage.credentials.webhook_secret)


def must_be_an_answer(answer: Answer) -> None:
    """One of the few that there are, small, and of one shape."""
    assert answer.status in {202, 400, 401, 413, 415}, answer
    assert answer.headers[b"content-type"] == b"application/json"
    assert len(answer.body) <= LARGEST_ANSWER
    ((key, value),) = json.loads(answer.body).items()
    assert isinstance(value, str)
    if answer.status == 202:
        assert key == "result"
        assert value in {"queued", "duplicate", "ignored"}
    else:
        assert key == "error"
        assert value
