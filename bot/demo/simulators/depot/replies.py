"""Answers: what Depot has to say, and the ways in which that arrives, whole or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.demo.simulators.depot.errors import ConnectError

Fields = Mapping[str, Any]
Change = Callable[[Fields], Fields]


class Reply(Protocol):
    """What Depot has to say to a call."""

    def response(self) -> Response:
        """Sent whole."""
        ...

    def cut(self) -> Response:
        """Sent in part, as if it were whole."""
        ...

    def lost(self) -> Response:
        """Begun, and then the connection breaks."""
        ...

    def changed(self, change: Change) -> "Reply":
        """The same with other fields in its messages."""
        ...


class LostResponse(Response):
    """Announces more than it sends and stops, upon which a server closes the connection."""

    def __init__(self, content_type: str = "application/json") -> None:
        super().__init__(media_type=content_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning of an answer and nothing else."""
        content_type = str(self.media_type).encode()
        headers = [(b"content-type", content_type), (b"content-length", b"64")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


@dataclass(frozen=True, slots=True)
class Answer:
    """One message."""

    content_type: str
    write: Callable[[Fields], bytes]
    fields: Fields

    def response(self) -> Response:
        """200."""
        return self._sent(self.write(self.fields))

    def cut(self) -> Response:
        """Half of the bytes."""
        body = self.write(self.fields)
        return self._sent(body[: len(body) // 2])

    def lost(self) -> Response:
        """A few bytes."""
        return LostResponse(self.content_type)

    def changed(self, change: Change) -> "Answer":
        """Another message."""
        return replace(self, fields=change(self.fields))

    def _sent(self, body: bytes) -> Response:
        return Response(body, media_type=self.content_type)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error instead of a message. It is JSON whatever the content type."""

    status: int
    error: ConnectError
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The code as an HTTP status, and with the text in the body."""
        return self._sent(self._body())

    def cut(self) -> Response:
        """Half of the body."""
        body = self._body()
        return self._sent(body[: len(body) // 2])

    def lost(self) -> Response:
        """A few bytes."""
        return LostResponse()

    def changed(self, change: Change) -> "Refusal":
        """The same: there is no message in it."""
        return self

    def _body(self) -> bytes:
        return msgspec.json.encode(self.error.as_fields())

    def _sent(self, body: bytes) -> Response:
        return Response(body, self.status, dict(self.headers), media_type="application/json")
