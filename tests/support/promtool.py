"""Prometheus' own checks."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.debian import program


def promtool(*arguments: str | Path, given: bytes | None = None) -> str:
    """What promtool says; an AssertionError with it when it finds a fault."""
    done = subprocess.run(
        [program("promtool", "prometheus"), *arguments], input=given, capture_output=True
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
