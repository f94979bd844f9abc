"""What the bot's endpoint is measured against, served as the bot is, with its server.

- `plain`: the handler that gidgethub's own documentation leads to: read the body, `from_http`.
- `limit`: answers without reading anything; no handler can be faster.
- `accepting`: the bot's own endpoint and ledger without its worker, to measure accepting alone.
- `inserting`: `plain`, which stores one row of each webhook with aiosqlite, in the file that it is
  given, before it answers.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from gidgethub.sansio import Event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.ops.settings import load
from bot.services import open_services
from bot.web.app import create_app
from bot.web.server import listen


async def plain(request: Request) -> Response:
    body = await request.body()
    event = Event.from_http(request.headers, body, secret=os.environ["GITHUB_WEBHOOK_SECRET"])
    return JSONResponse({"result": "ignored" if event.data else "empty"}, 202)


async def limit(_: Request) -> Response:
    return JSONResponse({"result": "ignored"}, 202)


HANDLERS = {"plain": plain, "limit": limit}


async def _insert_all(port: int, file: str) -> None:
    async with durable(file) as connection:

        async def inserting(request: Request) -> Response:
            body = await request.body()
            secret = os.environ["GITHUB_WEBHOOK_SECRET"]
            event = Event.from_http(request.headers, body, secret=secret)
            comment = event.data["comment"]
            await insert(connection, comment["id"], event.delivery_id, comment["body"])
            return JSONResponse({"result": "queued"}, 202)

        app = Starlette(routes=[Route("/webhook", inserting, methods=["POST"])])
        await listen(app, "127.0.0.1", port)


@asynccontextmanager
async def durable(file: str | Path) -> AsyncIterator[aiosqlite.Connection]:
    """As durable as the bot's own: WAL, and each commit on disk when it returns."""
    async with aiosqlite.connect(file, isolation_level=None, timeout=30) as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS commands (id INTEGER PRIMARY KEY, guid TEXT, line TEXT)"
        )
        yield connection


async def insert(connection: aiosqlite.Connection, number: int, guid: str, line: str) -> None:
    await connection.execute("INSERT INTO commands VALUES (?, ?, ?)", (number, guid, line))


async def _accept(port: int) -> None:
    async with open_services(load(dict(os.environ))) as services:
        await listen(create_app(services, run_worker=False), "127.0.0.1", port)


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    if name == "accepting":
        asyncio.run(_accept(port))
    elif name == "inserting":
        asyncio.run(_insert_all(port, sys.argv[3]))
    else:
        app = Starlette(routes=[Route("/webhook", HANDLERS[name], methods=["POST"])])
        asyncio.run(listen(app, "127.0.0.1", port))


if __name__ == "__main__":
    main()
