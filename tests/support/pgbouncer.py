"""Debian's pgbouncer before the PostgreSQL server of a test run."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from bot.demo.servers import free_port
from tests.support.debian import program

SECONDS = 30.0
"""How long it may take to start."""

# Fewer connections to the server than the bot has to it: they are really shared.
CONFIGURATION = """\
[databases]
* = host={host} port={server_port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """The address of a database, by way of a pgbouncer with transaction pooling."""
    path = program("pgbouncer", "pgbouncer")
    parsed = make_url(url)
    port = free_port()
    with TemporaryDirectory(prefix="depot-bot-pgbouncer-") as folder:
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(
            CONFIGURATION.format(
                host=parsed.host,
                server_port=parsed.port or 5432,
                user=parsed.username,
                password=parsed.password,
                port=port,
            )
        )
        # It does not run as root.
        user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        if user is not None:
            for one in (Path(folder), file):
                os.chown(one, user, -1)
        process = subprocess.Popen(
            [path, file], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port, process)
            yield parsed.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert process.poll() is None, "pgbouncer has ended"
            assert time.monotonic() < deadline, "pgbouncer does not listen"
            time.sleep(0.02)
