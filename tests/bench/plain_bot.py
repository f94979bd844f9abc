"""What a user would write instead: a bot of one file on gidgethub, which stores nothing.

    python -m tests.bench.plain_bot PORT

It checks the signature and the author's role, reads the pull request, starts a run and says so.
Settings come from the same environment variables as the bot's.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import gidgethub.httpx
import httpx
import uvicorn
from gidgethub import apps
from gidgethub.sansio import Event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ENV = os.environ
TOKEN_SECONDS = 3000.0
WRITERS = {"admin", "maintain", "write"}

http = httpx.AsyncClient()
github = gidgethub.httpx.GitHubAPI(http, "plain-bot", base_url=ENV["GITHUB_API_URL"])
tokens: dict[int, tuple[str, float]] = {}
tasks: set[asyncio.Task[None]] = set()


async def token(installation: int) -> str:
    known, until = tokens.get(installation, ("", 0.0))
    if until < time.monotonic():
        answer = await apps.get_installation_access_token(
            github,
            installation_id=str(installation),
            app_id=ENV["GITHUB_APP_ID"],
            private_key=ENV["GITHUB_PRIVATE_KEY"],
        )
        known = answer["token"]
        tokens[installation] = (known, time.monotonic() + TOKEN_SECONDS)
    return known


async def run(data: dict[str, Any], workflow: str, job: str) -> None:
    repo, number = data["repository"]["full_name"], data["issue"]["number"]
    login = data["comment"]["user"]["login"]
    key = await token(data["installation"]["id"])
    role = await github.getitem(f"/repos/{repo}/collaborators/{login}/permission", oauth_token=key)
    text = "Only those who can write may start runs."
    if role["permission"] in WRITERS:
        pull = await github.getitem(f"/repos/{repo}/pulls/{number}", oauth_token=key)
        sha = pull["head"]["sha"]
        answer = await http.post(
            f"{ENV['DEPOT_API_URL']}/depot.ci.v1.CIService/Run",
            json={"repo": repo, "sha": sha, "workflow": f".depot/workflows/{workflow}", "job": job},
            headers={"authorization": f"Bearer {ENV['DEPOT_TOKEN']}"},
        )
        text = f"Started `{answer.raise_for_status().json()['runId']}` on {sha}."
    comments = f"/repos/{repo}/issues/{number}/comments"
    await github.post(comments, data={"body": text}, oauth_token=key)


async def webhook(request: Request) -> JSONResponse:
    body = await request.body()
    event = Event.from_http(request.headers, body, secret=ENV["GITHUB_WEBHOOK_SECRET"])
    if event.event == "issue_comment" and event.data["action"] == "created":
        match event.data["comment"]["body"].split():
            case ["/depot", "run", workflow, job, *_] if job.startswith("job="):
                task = asyncio.create_task(run(event.data, workflow, job.removeprefix("job=")))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
    return JSONResponse({"result": "read"}, 202)


if __name__ == "__main__":
    app = Starlette(routes=[Route("/webhook", webhook, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False)
