"""A load generator that costs little beside what it loads: one thread, raw sockets, epoll.

Requests are made beforehand, and each connection sends its next one when the answer to the last
has come (a closed loop). An answer is complete when its Content-Length is there.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

RECEIVE = 65536


class UnexpectedAnswer(Exception):
    """A server answered something else than 202, or hung up."""


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    answer: bytes = b""


def rate(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> float:
    """Answers with status 202 a second, over so many keep-alive connections of loopback.

    Raises UnexpectedAnswer. Counting begins with the first request and ends *seconds* later; what
    is under way then is awaited, but not counted.
    """
    poll = select.epoll()
    open_ones: dict[int, _Connection] = {}
    try:
        for _ in range(connections):
            connection = _Connection(socket.create_connection(("127.0.0.1", port)))
            connection.socket.setblocking(False)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            open_ones[connection.socket.fileno()] = connection
            poll.register(connection.socket, select.EPOLLIN)
        return _drive(poll, open_ones, requests, seconds)
    finally:
        for connection in open_ones.values():
            connection.socket.close()
        poll.close()


def _drive(
    poll: select.epoll, open_ones: dict[int, _Connection], requests: Iterator[bytes], seconds: float
) -> float:
    answered = 0
    waiting = len(open_ones)
    end = time.perf_counter() + seconds
    for connection in open_ones.values():
        _send(poll, connection, next(requests))
    while waiting:
        for number, event in poll.poll():
            connection = open_ones[number]
            if event & select.EPOLLOUT:
                _go_on(poll, connection)
            elif _has_answer(connection):
                is_over = time.perf_counter() >= end
                answered += not is_over
                request = None if is_over else next(requests, None)
                if request is None:
                    waiting -= 1
                else:
                    _send(poll, connection, request)
    return answered / seconds


def _send(poll: select.epoll, connection: _Connection, request: bytes) -> None:
    sent = connection.socket.send(request)
    if sent < len(request):
        connection.unsent = memoryview(request)[sent:]
        poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)


def _go_on(poll: select.epoll, connection: _Connection) -> None:
    """Send what did not fit into the socket's buffer."""
    sent = connection.socket.send(connection.unsent)
    connection.unsent = connection.unsent[sent:]
    if not connection.unsent:
        poll.modify(connection.socket, select.EPOLLIN)


def _has_answer(connection: _Connection) -> bool:
    """Read what is there; whether the answer is complete."""
    received = connection.socket.recv(RECEIVE)
    answer = connection.answer + received
    if not received or not answer.startswith(b"HTTP/1.1 202 "[: len(answer)]):
        raise UnexpectedAnswer(answer[:200].decode(errors="replace") or "it hung up")
    head, end, body = answer.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    is_complete = bool(end) and len(body) >= int(length or 0)
    connection.answer = b"" if is_complete else answer
    return is_complete
