"""Measures what the README claims of speed and size, and prints it as a table.

    python -m tests.bench            all of it, some minutes
    python -m tests.bench accepted   one of: ignored, accepted, under_way, waiting, trips, commands,
                                     statements, known, followed, postgresql, machines,
                                     grown, hour

Peers are started in the same run and take turns with the bot. The exit status is 1 when something
is not as it was wanted.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.ops.logging_setup import set_up_logging
from tests.bench import (
    accepted,
    commands,
    followed,
    grown,
    hour,
    ignored,
    known,
    machines,
    postgresql,
    statements,
    trips,
    under_way,
    waiting,
)
from tests.bench.table import Row, markdown

Measure = Callable[[Path], Awaitable[list[Row]]]

MEASURES: dict[str, Measure] = {
    "ignored": ignored.rows,
    "accepted": accepted.rows,
    "under_way": under_way.rows,
    "waiting": waiting.rows,
    "trips": trips.rows,
    "commands": commands.rows,
    "statements": statements.rows,
    "known": known.rows,
    "followed": followed.rows,
    "postgresql": postgresql.rows,
    "machines": machines.rows,
    "grown": grown.rows,
    "hour": hour.rows,
}


async def measure(names: list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="depot-bot-bench-") as folder:
            rows += await MEASURES[name](Path(folder))
    return rows


def main() -> int:
    names = sys.argv[1:] or list(MEASURES)
    if unknown := [name for name in names if name not in MEASURES]:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    set_up_logging("error", "console")
    rows = asyncio.run(measure(names))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(markdown(rows))
    missed = [row.what for row in rows if not row.is_met]
    if missed:
        print(f"\nnot as wanted: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
