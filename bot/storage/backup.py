"""A copy of a SQLite ledger, made while the bot goes on writing to it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from bot.storage.database import LedgerUnavailable, unavailable
from bot.storage.sqlite import look_at


def back_up(ledger: Path, copy: Path) -> None:
    """Write the ledger as it is at this moment to a new file, for its owner's eyes only.

    The copy has its name once it is whole, checked and on disk. Raises LedgerUnavailable when there
    is no ledger of ours or it cannot be read, FileExistsError, and OSError when the copy cannot be
    written.
    """
    if not ledger.exists() or not ledger.stat().st_size:
        raise LedgerUnavailable(f"there is no ledger in {ledger}")
    look_at(ledger)
    # Reserves the name: a file that comes meanwhile is not overwritten either.
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        number, name = tempfile.mkstemp(prefix=f".{copy.name}.", dir=copy.absolute().parent)
        os.close(number)
        try:
            _copy(ledger, Path(name))
        except BaseException:
            Path(name).unlink()
            raise
        Path(name).replace(copy)
        _sync(copy.absolute().parent)
    except BaseException:
        copy.unlink()
        raise


def _copy(ledger: Path, to: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=rw", uri=True)) as ours,
            closing(sqlite3.connect(to)) as theirs,
        ):
            # In one go, which with a write-ahead log keeps nobody from writing.
            ours.backup(theirs)
            # All in one file, which can be moved about.
            theirs.execute("PRAGMA journal_mode=DELETE")
            ((found,),) = theirs.execute("PRAGMA quick_check(1)")
    except sqlite3.Error as error:
        reason = unavailable(error)
        raise type(reason)(f"{ledger} or its copy: {reason}") from error
    if found != "ok":
        raise LedgerUnavailable(f"{ledger} is damaged: restore a backup ({found})")
    _sync(to)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
