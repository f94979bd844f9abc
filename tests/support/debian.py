"""Programs that tests need and that Debian packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from tests.support.locking import alone_in


def alone() -> AbstractContextManager[None]:
    """One process of the tests at a time: apt-get does not wait for another one."""
    return alone_in(Path(__file__).parent)


@cache
def program(name: str, package: str) -> str:
    """Where a program is; fetched where apt-get may be used. Fails with the line to type."""
    with alone():
        found = shutil.which(name)
        said = ""
        if found is None:
            said = install(package)
            found = shutil.which(name)
        assert found is not None, (
            f"{name} is needed and could not be fetched. As root, type:\n"
            f"    apt-get install {package}\n\n{said}"
        )
        return found


def install(package: str) -> str:
    """Install it, while `alone`; what apt-get said when that failed, empty when all went well."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "apt-get cannot be used here\n"
    return run("apt-get", "update", "-qq") or run("apt-get", "install", "-y", "-qq", package)


def run(*command: str) -> str:
    """Run it; what it said when it failed, else nothing."""
    done = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return f"{' '.join(command)}:\n{done.stdout}\n" if done.returncode else ""
