"""The browser that the pages are looked at with: installed, or Debian's, or playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.locking import alone_in

NAMES = ("chromium", "chromium-browser", "google-chrome")

DEBIANS = (("apt-get", "update", "-qq"), ("apt-get", "install", "-y", "-qq", "chromium"))
PLAYWRIGHTS = ((sys.executable, "-m", "playwright", "install", "chromium"),)

MISSING = """\
Chromium is needed and could not be fetched. As root, type one of these:
    apt-get install chromium
    .venv/bin/playwright install --with-deps chromium
"""


@cache
def executable(playwrights: str) -> str:
    """Where it is, fetched if need be; *playwrights* is where playwright would put its own."""
    with alone_in(Path(__file__).parent):
        found = _installed(playwrights)
        if found is None:
            said = _fetch()
            found = _installed(playwrights)
            assert found is not None, f"{MISSING}\n{said}"
    return found


def _installed(playwrights: str) -> str | None:
    places = [shutil.which(name) for name in NAMES]
    if Path(playwrights).exists():
        places.append(playwrights)
    return next(filter(None, places), None)


def _fetch() -> str:
    """Try each way until one is gone through; what the tries said."""
    may_use_apt = os.geteuid() == 0 and shutil.which("apt-get")
    said = ""
    for way in (DEBIANS, PLAYWRIGHTS) if may_use_apt else (PLAYWRIGHTS,):
        for command in way:
            done = subprocess.run(
                command,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.returncode:
                said += f"{' '.join(command)}:\n{done.stdout}\n"
                break
        else:
            break
    return said
