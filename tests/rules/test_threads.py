"""The config is parsed in threads, several at the same time, from the first on."""

from __future__ import annotations

import subprocess
import sys

import pytest

PARSE = """
import sys, threading
sys.setswitchinterval(1e-7)
from bot.rules.repository_config import Config, parse
start = threading.Barrier(8)
def one():
    start.wait()
    parse("retry: [{workflow: ci.yml}]\\nnotify: {on: never}\\npermissions: {}", {})
threads = [threading.Thread(target=one) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("turn", range(6))
def test_several_first_configs_at_once(turn: int) -> None:
    """Half of such processes died before msgspec knew the type from the import on."""
    subprocess.run([sys.executable, "-c", PARSE], check=True)
