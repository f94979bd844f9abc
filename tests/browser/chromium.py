"""The browser that the pages are looked at with: installed, or Debian's, or playwright's own."""

from __future__ import annotations

import shutil
import sys
from functools import cache
from pathlib import Path

from tests.support import debian

NAMES = ("chromium", "chromium-browser", "google-chrome")

MISSING = """\
Chromium is needed and could not be fetched. As root, type one of these:
    apt-get install chromium
    .venv/bin/playwright install --with-deps chromium
"""


@cache
def executable(playwrights: str) -> str:
    """Where it is, fetched if need be; *playwrights* is where playwright would put its own."""
    with debian.alone():
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
    said = debian.install("chromium")
    return said and said + debian.run(sys.executable, "-m", "playwright", "install", "chromium")
