"""Signed webhooks as GitHub sends them, made beforehand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import msgspec

from bot.demo.simulators.github import Delivery, SimulatedGitHub, generate_private_key
from bot.demo.stage import Stage
from tests.contracts.webhooks import examples
from tests.support.conversation import FILES, REPO

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


def webhook(github: SimulatedGitHub, delivery: Delivery) -> bytes:
    """One request, with all the headers that GitHub sends."""
    headers = {
        "Host": "127.0.0.1",
        **github.hooks.headers(delivery),
        "Content-Length": str(len(delivery.body)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /webhook HTTP/1.1\r\n{lines}\r\n".encode() + delivery.body


def comment(text: str) -> Delivery:
    """GitHub's own example of a comment that an App is told of, under a pull request and with this
    text: 14 KB."""
    payload = next(
        payload
        for event, payload in examples()
        if event == "issue_comment" and payload["action"] == "created" and "installation" in payload
    )
    links = {"url": payload["issue"]["url"].replace("/issues/", "/pulls/")}
    told = {
        **payload,
        "issue": {**payload["issue"], "pull_request": links},
        "comment": {**payload["comment"], "body": text},
    }
    body = msgspec.json.encode(told)
    return Delivery(str(uuid4()), "issue_comment", "created", body, None, None)


def commands(github: SimulatedGitHub) -> Iterator[bytes]:
    """Commands without end, each in a comment of its own."""
    delivery = comment("/depot run ci.yml job=test")
    its_id = f'"id":{delivery.payload["comment"]["id"]},'.encode()
    for number in itertools.count(1):
        body = delivery.body.replace(its_id, f'"id":{number},'.encode())
        yield webhook(github, replace(delivery, guid=f"guid-{number}", body=body))
