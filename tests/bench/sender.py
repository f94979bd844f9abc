"""Sends webhooks at a steady pace, whatever becomes of them (an open loop), and times the answers.

    python -m tests.bench.sender PORT PER_SECOND < requests > seconds

Requests come as a list of byte strings (msgpack), and the seconds to each answer go out as JSON. A
process of its own: what the simulators do at the same time must not count as waiting.
"""

from __future__ import annotations

import asyncio
import sys
import time

import msgspec


async def send(port: int, request: bytes) -> float:
    """Send it over a connection of its own; seconds until the whole answer was there."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 202 "):
        raise SystemExit(f"not accepted: {head[:100].decode(errors='replace')}")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    seconds = time.perf_counter() - begun
    writer.close()
    return seconds


async def send_all(port: int, per_second: float, requests: list[bytes]) -> list[float]:
    begun = time.perf_counter()
    sending = []
    for place, request in enumerate(requests):
        await asyncio.sleep(begun + place / per_second - time.perf_counter())
        sending.append(asyncio.create_task(send(port, request)))
    return list(await asyncio.gather(*sending))


def main() -> None:
    port, per_second = int(sys.argv[1]), float(sys.argv[2])
    requests = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[bytes])
    seconds = asyncio.run(send_all(port, per_second, requests))
    sys.stdout.buffer.write(msgspec.json.encode(seconds))


if __name__ == "__main__":
    main()
