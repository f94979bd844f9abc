"""Signed webhooks as GitHub sends them, made beforehand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from bot.demo.github import generate_private_key
from bot.demo.github.webhooks import signatures
from bot.demo.stage import Stage
from tests.conversation import FILES, REPO

SIZE = 14_000
"""Bytes of a comment's payload as it comes from GitHub, on the whole."""

AGO = 120.0
"""Seconds by which heads are older than comments."""


def stage_for_load(owners: int = 1, pull_requests: int = 1) -> Stage:
    """Repositories of so many owners, each with so many pull requests; nothing is delivered."""
    ago = AGO
    stage = Stage(
        now=lambda: time.time() - ago, private_key=generate_private_key(), jwt_now=time.time
    )
    for owner in range(owners):
        repo = repository(owner)
        stage.github.repository(repo, FILES)
        stage.github.role(repo, "alice", "write")
        for number in range(1, pull_requests + 1):
            files = {"change.txt": f"{owner} {number}\n"}
            stage.github.pull_request(repo, "alice", branch=f"feature-{number}", files=files)
    ago = 0.0
    return stage


def repository(owner: int) -> str:
    return REPO if owner == 0 else f"owner-{owner}/hello"


def webhook(event: str, body: bytes, secret: str, guid: str) -> bytes:
    """One request, with all the headers that GitHub sends."""
    headers = {
        "Host": "127.0.0.1",
        "User-Agent": "GitHub-Hookshot/5dc9f00",
        "Accept": "*/*",
        "Content-Type": "application/json",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "1",
        "X-GitHub-Hook-Installation-Target-ID": "41",
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        **signatures(secret, body),
        "Content-Length": str(len(body)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /webhook HTTP/1.1\r\n{lines}\r\n".encode() + body


def comment_payload(text: str) -> bytes:
    """The payload of a comment under a pull request whose own text fills it up to SIZE."""
    stage = stage_for_load()
    stage.github.hooks.pending.clear()
    stage.github.comment(REPO, 1, "alice", text)
    (delivery,) = stage.github.pending_deliveries
    filler = b"It does what the issue asks for. "
    missing = SIZE - len(delivery.body)
    body = filler * (missing // len(filler) + 1)
    return delivery.body.replace(b'"issue":{', b'"issue":{"text":"' + body[:missing] + b'",', 1)


def commands(secret: str) -> Iterator[bytes]:
    """Commands without end, each in a comment of its own."""
    body = comment_payload("/depot run ci.yml job=test")
    stage = stage_for_load()
    stage.github.comment(REPO, 1, "alice", "x")
    comment_id = stage.github.comments(REPO, 1)[0].id
    for number in itertools.count(1):
        one = body.replace(f'"id":{comment_id},'.encode(), f'"id":{number},'.encode())
        yield webhook("issue_comment", one, secret, f"guid-{number}")
