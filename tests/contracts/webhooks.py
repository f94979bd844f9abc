"""GitHub's published descriptions of its webhooks, as a judge of deliveries.

It says in words what is wrong; with an empty list, nothing is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
import msgspec

from tests.contracts import npm
from tests.contracts.schemas import Json, Schemas

HEADERS = {
    "content-type": r"application/json",
    "user-agent": r"GitHub-Hookshot/[0-9a-f]+",
    "x-github-delivery": r"[\w-]+",  # a UUID, but tests may name their deliveries
    "x-github-event": r"[a-z_]+",
    "x-github-hook-id": r"[0-9]+",
    "x-github-hook-installation-target-id": r"[0-9]+",
    "x-github-hook-installation-target-type": r"integration|organization|repository",
    "x-hub-signature-256": r"sha256=[0-9a-f]{64}",
}
"""What GitHub sends along with each payload (docs.github.com, "Webhook events and payloads")."""


class Webhooks:
    """What GitHub sends to a hook."""

    def __init__(self, document: Json) -> None:
        self._described: Json = document["webhooks"]
        self._schemas = Schemas(document)

    def delivery(self, request: httpx.Request) -> list[str]:
        """What is wrong with a delivery. Its body must have been read."""
        event = request.headers.get("x-github-event", "")
        wrong = [
            f"{event}: {name} is {request.headers.get(name)!r}"
            for name, form in HEADERS.items()
            if not re.fullmatch(form, request.headers.get(name, ""))
        ]
        try:
            payload = msgspec.json.decode(request.content, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            return [*wrong, f"{event}: {error}"]
        return wrong + self.payload(event, payload, closed=True)

    def payload(self, event: str, payload: Json, *, closed: bool) -> list[str]:
        """What is wrong with a payload; when *closed*, also what its schema does not list."""
        action = payload.get("action")
        place = f"{event} {action}" if action else event
        described = self._described.get(place.replace(" ", "-").replace("_", "-"))
        if described is None:
            return [f"{place}: GitHub has no such event"]
        schema = described["post"]["requestBody"]["content"]["application/json"]["schema"]
        return self._schemas.breaches(place, schema, payload, closed=closed)


@cache
def webhooks() -> Webhooks:
    """The webhooks of github.com; AssertionError when their description cannot be had."""
    return Webhooks(npm.read("@octokit/openapi-webhooks", "generated/api.github.com.json"))


def examples() -> list[tuple[str, Json]]:
    """Events and their payloads as GitHub really sent them, some of them years ago."""
    collected = npm.read("@octokit/webhooks-examples", "api.github.com/index.json")
    return [(event["name"], payload) for event in collected for payload in event["examples"]]
