"""Depot's CLI, from npm in the version that package-lock.json holds, and what is embedded in it.

It is fetched when a test first asks for it, and again when the lock file has changed. Without npm
or without an answer the test fails and says so: an unchecked contract is no kept one.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto

HERE = Path(__file__).parent
SECONDS = 300
"""How long `npm ci` may take."""

RUNS_HERE = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64")
"""Whether the CLI can be run. It can be read anywhere."""

_FILE = b"depot/ci/v1/ci.proto"
_SYNTAX = b"b\x06proto3"


def program() -> Path:
    """The CLI; AssertionError when it cannot be had."""
    problem = _install()
    assert problem is None, problem
    return HERE / "node_modules/@depot/cli-linux-x64/bin/depot"


@cache
def descriptor() -> FileDescriptorProto:
    """What the CLI knows of Depot's API.

    protoc's Go code carries each `.proto` file as a serialised message, from its name (field 1, of
    less than 128 bytes) to its syntax (the last field).
    """
    content = program().read_bytes()
    start = content.find(b"\n" + bytes([len(_FILE)]) + _FILE)
    assert start >= 0, f"{_FILE.decode()} is not embedded in this CLI"
    end = content.index(_SYNTAX, start) + len(_SYNTAX)
    return FileDescriptorProto.FromString(content[start:end])


@cache
def _install() -> str | None:
    """Make the package present, once a session; what is in the way, if anything is."""
    # npm writes the second file when it is through, so half an installation does not fit.
    if _hashes(HERE / "package-lock.json") == _hashes(HERE / "node_modules/.package-lock.json"):
        return None
    npm = shutil.which("npm")
    if npm is None:
        return "npm (of Node.js 20.10 or newer) is needed to fetch Depot's CLI"
    # The package is for Linux on x64, and npm would not install it elsewhere unless told so.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--os=linux", "--cpu=x64"]
    try:
        subprocess.run(
            command, cwd=HERE, check=True, timeout=SECONDS, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return f"`npm ci` in {HERE} was not through after {SECONDS} seconds"
    except subprocess.CalledProcessError as error:
        return f"`npm ci` in {HERE} could not fetch Depot's CLI:\n{error.stderr}"
    return None


def _hashes(lock: Path) -> dict[str, str]:
    """Each package's hash; none when the file is not there."""
    if not lock.exists():
        return {}
    packages = json.loads(lock.read_text())["packages"]
    return {name: one["integrity"] for name, one in packages.items() if name}
