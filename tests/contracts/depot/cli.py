"""Depot's CLI, from npm in the version that package-lock.json holds, and what is embedded in it.

It is fetched when a test first asks for it, and again when the lock file has changed. Without an
answer the test fails and says so: an unchecked contract is no kept one.
"""

from __future__ import annotations

import platform
import sys
from functools import cache
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from tests.contracts import npm

HERE = Path(__file__).parent
RUNS_HERE = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64")
"""Whether the CLI can be run. It can be read anywhere."""

_FILE = b"depot/ci/v1/ci.proto"
_SYNTAX = b"b\x06proto3"


def program() -> Path:
    """The CLI; AssertionError when it cannot be had."""
    # The package is for Linux on x64, and npm would not install it elsewhere unless told so.
    npm.require(HERE, "Depot's CLI", "--os=linux", "--cpu=x64")
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
