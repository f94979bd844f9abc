"""Trouble on request: rules that make some API calls fail in the ways GitHub's do."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio
import httpx
import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Behaviour = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]

_UNICORN = """<!DOCTYPE html>
<html><head><title>Unicorn! &middot; GitHub</title></head>
<body><p><strong>We had issues producing the response to your request.</strong></p></body></html>
"""


@dataclass(slots=True, eq=False)
class Fault:
    """One rule. `times` counts down; None means until it is lifted."""

    method: str
    path: re.Pattern[str]
    behaviour: Behaviour
    times: int | None
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether this rule still applies, and to such a request."""
        if self.times is not None and self.hits >= self.times:
            return False
        return self.method in {"*", method} and self.path.search(path) is not None

    def lift(self) -> None:
        """End the trouble."""
        self.times = self.hits


class Faults:
    """All rules; the oldest one that matches a request decides what happens to it.

    Paths are regular expressions, searched for in the request's path; the method may be `*`.
    """

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def answer(
        self,
        method: str,
        path: str,
        status: int,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        times: int | None = 1,
    ) -> Fault:
        """Answer this, and do nothing."""

        async def behave(inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            response = Response(body, status, headers={**(headers or {})})
            await response(scope, receive, send)

        return self._add(method, path, behave, times)

    def bad_gateway(self, method: str, path: str, *, times: int | None = 1) -> Fault:
        """502 with GitHub's HTML page."""
        html = {"content-type": "text/html; charset=utf-8"}
        return self.answer(method, path, 502, _UNICORN, html, times=times)

    def secondary_limit(
        self,
        method: str,
        path: str,
        *,
        status: int = 403,
        retry_after: int | None = 60,
        times: int | None = 1,
    ) -> Fault:
        """A secondary rate limit, with or without `retry-after`."""
        body = {
            "message": "You have exceeded a secondary rate limit. Please wait a few minutes"
            " before you try again.",
            "documentation_url": "https://docs.github.com/rest/overview/"
            "rate-limits-for-the-rest-api#about-secondary-rate-limits",
            "status": str(status),
        }
        headers = {"content-type": "application/json; charset=utf-8"}
        if retry_after is not None:
            headers["retry-after"] = str(retry_after)
        text = msgspec.json.encode(body).decode()
        return self.answer(method, path, status, text, headers, times=times)

    def lose_answer(self, method: str, path: str, *, times: int | None = 1) -> Fault:
        """Do the work, then let the connection break before the answer is through."""

        async def behave(inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            await inner(scope, receive, _swallow)
            await _break_off(send)

        return self._add(method, path, behave, times)

    def drop(self, method: str, path: str, *, times: int | None = 1) -> Fault:
        """Let the connection break before anything is done."""

        async def behave(inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            await _break_off(send)

        return self._add(method, path, behave, times)

    def truncate(self, method: str, path: str, *, times: int | None = 1) -> Fault:
        """Do the work and answer with the first half of the body."""

        async def behave(inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            start, body = await _collect(inner, scope, receive)
            half = body[: len(body) // 2]
            await send({**start, "headers": _with_length(start["headers"], len(half))})
            await send({"type": "http.response.body", "body": half})

        return self._add(method, path, behave, times)

    def hold(self, method: str, path: str, until: anyio.Event, *, times: int | None = 1) -> Fault:
        """Do nothing until the event is set, then go on as usual."""

        async def behave(inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            await until.wait()
            await inner(scope, receive, send)

        return self._add(method, path, behave, times)

    def meanwhile(
        self, method: str, path: str, do: Callable[[], object], *, times: int | None = 1
    ) -> Fault:
        """Something else happens just before the request is looked at, such as a push."""

        async def behave(inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            do()
            await inner(scope, receive, send)

        return self._add(method, path, behave, times)

    def lift(self) -> None:
        """End all trouble."""
        self._rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The rule for this request, counted as used."""
        for rule in self._rules:
            if rule.matches(method, path):
                rule.hits += 1
                return rule
        return None

    def _add(self, method: str, path: str, behaviour: Behaviour, times: int | None) -> Fault:
        rule = Fault(method, re.compile(path), behaviour, times)
        self._rules.append(rule)
        return rule


async def _swallow(message: Message) -> None:
    return None


async def _break_off(send: Send) -> None:
    # A server that has begun an answer can only close the connection when the app fails. Under
    # `ASGITransport` the same exception reaches the client, which would have raised it itself.
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise httpx.RemoteProtocolError("the connection broke before the answer was through")


async def _collect(inner: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await inner(scope, receive, keep)
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    others = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*others, (b"content-length", str(length).encode())]
