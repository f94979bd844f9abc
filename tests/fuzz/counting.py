"""How much work something is: calls, not seconds, so that it is the same on every machine.

What a regular expression or a copy does inside one call is not seen.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

_COUNTED = frozenset({"call", "c_call"})


def calls(work: Callable[[], object]) -> int:
    """The calls that *work* makes, of Python functions and of built-in ones."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in _COUNTED

    gc.disable()  # its callbacks would be counted
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def growth(work: Callable[[str], object], make: Callable[[int], str], length: int) -> float:
    """By how much the work grows when the text that *make* makes gets twice as long."""
    short, long = make(length // 2), make(length)
    work(short)  # what is done only once, such as compiling patterns, is no part of it
    return calls(lambda: work(long)) / max(calls(lambda: work(short)), _LITTLE)


_LITTLE = 2_000
"""Calls that are not worth counting."""


def filled(unit: str, length: int) -> str:
    """*unit* again and again, whole, up to so many characters."""
    return unit * (length // len(unit))
