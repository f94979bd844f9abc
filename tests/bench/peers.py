"""What the bot's door is measured against, served as the bot is, with its server.

- `plain`: the handler that gidgethub's own documentation leads to: read the body, `from_http`.
- `limit`: answers without reading anything; no handler can be faster.
- `accepting`: the bot's own door and ledger without its worker, to measure accepting alone.
"""

from __future__ import annotations

import asyncio
import os
import sys

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


async def _accept(port: int) -> None:
    async with open_services(load(dict(os.environ))) as services:
        await listen(create_app(services, run_worker=False), "127.0.0.1", port)


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    if name == "accepting":
        asyncio.run(_accept(port))
    else:
        app = Starlette(routes=[Route("/webhook", HANDLERS[name], methods=["POST"])])
        asyncio.run(listen(app, "127.0.0.1", port))


if __name__ == "__main__":
    main()
