"""Bodies of requests, while they come in: bounded in bytes, each and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Receive

from bot.github import webhooks

MAX_IN_FLIGHT = 64 * 1024 * 1024
"""Bytes of all bodies that are being received."""


class Disconnected(Exception):
    """The sender hung up before its request was complete: there is nobody to answer."""


class Overloaded(webhooks.DeliveryRejected):
    """Too much is being received at once; GitHub's delivery is asked for again later."""

    status = 503


@dataclass(eq=False, slots=True)
class _Body:
    """What has come of one body."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    is_dropped: bool = False


class Bodies:
    """The bodies that are being received.

    When they are too much together, the longest is dropped: GitHub's are short, and nobody has
    shown yet that theirs is signed.
    """

    def __init__(self, most: int = MAX_IN_FLIGHT) -> None:
        self._most = most
        self._open: list[_Body] = []
        self._size = 0

    async def read(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """The body; raises TooLarge, which is found out without reading it all, Overloaded and
        Disconnected."""
        if _announced(headers) > webhooks.MAX_BODY:
            raise _too_large()
        body = _Body()
        self._open.append(body)
        try:
            is_complete = False
            while not is_complete:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                self._add(body, message.get("body", b""))
                is_complete = not message.get("more_body", False)
            return b"".join(body.chunks)
        finally:
            self._open.remove(body)
            self._size -= body.size

    def _add(self, body: _Body, chunk: bytes) -> None:
        if not body.is_dropped:
            body.chunks.append(chunk)
            body.size += len(chunk)
            self._size += len(chunk)
        if body.size > webhooks.MAX_BODY:
            raise _too_large()
        while self._size > self._most:
            self._drop(max(self._open, key=lambda one: one.size))
        if body.is_dropped:
            raise Overloaded("too much is being received at once")

    def _drop(self, body: _Body) -> None:
        self._size -= body.size
        body.chunks, body.size, body.is_dropped = [], 0, True


def _announced(headers: Mapping[str, str]) -> int:
    try:
        return int(headers.get("content-length", ""))
    except ValueError:  # no number, or one of thousands of digits: the body will show
        return 0


def _too_large() -> webhooks.TooLarge:
    return webhooks.TooLarge(f"the body is larger than {webhooks.MAX_BODY} bytes")
