"""The published descriptions: npm packages, in the versions that package-lock.json holds.

They are fetched when a test first asks for them, and again when the lock file has changed. Without
npm or without an answer the test fails and says so: an unchecked contract is no kept one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).parent
SECONDS = 300
"""How long `npm ci` may take."""


def read(package: str, file: str) -> Any:
    """A JSON file of a package; AssertionError when the packages cannot be had."""
    require(HERE, "GitHub's descriptions")
    return msgspec.json.decode((HERE / "node_modules" / package / file).read_bytes())


def require(folder: Path, what: str, *options: str) -> None:
    """Have the packages of a folder there; AssertionError when they cannot be had."""
    problem = _fetched(folder, what, options)
    assert problem is None, problem


@cache
def _fetched(folder: Path, what: str, options: tuple[str, ...]) -> str | None:
    # Once in a session: where nothing answers, not every test should wait for it.
    return fetch(folder, shutil.which("npm"), what, options)


def fetch(
    folder: Path,
    npm: str | None,
    what: str = "GitHub's descriptions",
    options: Sequence[str] = (),
) -> str | None:
    """Make the packages in a folder fit its lock file; what is in the way, if anything is.

    *what* they are is for people; *options* are further ones of `npm ci`.
    """
    # npm writes the second file when it is through, so half an installation does not fit.
    if _hashes(folder / "package-lock.json") == _hashes(folder / "node_modules/.package-lock.json"):
        return None
    if npm is None:
        return f"npm (of Node.js 20.10 or newer) is needed to fetch {what}"
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options]
    try:
        subprocess.run(
            command, cwd=folder, check=True, timeout=SECONDS, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return f"`npm ci` in {folder} was not through after {SECONDS} seconds"
    except subprocess.CalledProcessError as error:
        return f"`npm ci` in {folder} could not fetch {what}:\n{error.stderr}"
    return None


def _hashes(lock: Path) -> dict[str, str]:
    """Each package's hash; none when the file is not there."""
    if not lock.exists():
        return {}
    packages = json.loads(lock.read_text())["packages"]
    return {name: one["integrity"] for name, one in packages.items() if name}
