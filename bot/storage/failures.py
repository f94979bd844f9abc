"""What is wrong with a database, in words: what it is, and what to do.

The words hold no addresses and no values: `/readyz` shows them to everybody. Codes:
sqlite.org, "Result and Extended Result Codes"; postgresql.org, "PostgreSQL Error Codes".
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree


@dataclass(frozen=True, slots=True)
class Failure:
    """What is wrong."""

    reason: str
    is_lasting: bool = False
    """Waiting does not help: the operator has to change something first."""


# --- SQLite --------------------------------------------------------------------------------------

MOVED = Failure(
    "the file was moved, replaced or deleted while the bot ran: put it back and start the bot again"
)

SQLITE: Mapping[int, Failure] = {
    sqlite3.SQLITE_FULL: Failure("the disk is full: make room, and the bot goes on by itself"),
    sqlite3.SQLITE_READONLY: Failure(
        "the file or its folder cannot be written: let the bot's user write both, on a disk that "
        "is mounted for writing"
    ),
    sqlite3.SQLITE_CANTOPEN: Failure(
        "the file cannot be opened: its folder has to be there, and the bot's user has to be "
        "allowed to read and write both"
    ),
    sqlite3.SQLITE_PERM: Failure(
        "the file cannot be opened: let the bot's user read and write it and its folder"
    ),
    sqlite3.SQLITE_BUSY: Failure(
        "another program holds the file locked: find it (lsof names it) and stop it"
    ),
    sqlite3.SQLITE_IOERR: Failure(
        "the disk fails to read or write the file: look at the machine's own log; a network disk "
        "will not do"
    ),
    sqlite3.SQLITE_CORRUPT: Failure(
        "the file is damaged: stop the bot and restore a backup", is_lasting=True
    ),
    sqlite3.SQLITE_NOTADB: Failure(
        "the file is no SQLite database, and stays as it is: name another in DATABASE_URL, or "
        "restore a backup",
        is_lasting=True,
    ),
}
"""By the primary result code."""


def _of_sqlite(error: sqlite3.Error) -> Failure | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    return MOVED if code == sqlite3.SQLITE_READONLY_DBMOVED else SQLITE.get(code & 0xFF)


# --- PostgreSQL ----------------------------------------------------------------------------------

NOT_LET_IN = Failure(
    "PostgreSQL does not take the role or the password in DATABASE_URL: correct them",
    is_lasting=True,
)
NO_DATABASE = Failure(
    "the database in DATABASE_URL does not exist: correct its name, or make it with createdb",
    is_lasting=True,
)
MAY_NOT = Failure(
    "the role in DATABASE_URL may not do what the bot needs: make it the owner of the database",
    is_lasting=True,
)
NONE_LEFT = Failure(
    "PostgreSQL has no connection left: each machine needs up to 11 (max_connections, and the "
    "limits of the role and the database)"
)
NOT_UP = Failure("PostgreSQL is starting or stopping: the bot goes on once it is up")
LOST = Failure("the connection to PostgreSQL was lost: the bot goes on once it is back")

POSTGRESQL: Mapping[str, Failure] = {
    "28000": NOT_LET_IN,
    "28P01": NOT_LET_IN,
    "3D000": NO_DATABASE,
    "42501": MAY_NOT,
    "25006": Failure(
        "PostgreSQL takes no writes: DATABASE_URL has to name the primary, not a standby"
    ),
    "53100": Failure("the disk of the PostgreSQL server is full: make room on it"),
    "53200": Failure("the PostgreSQL server is out of memory: give it more, or less to do"),
    "53300": NONE_LEFT,
    "57014": Failure("a statement took too long and was ended: see PostgreSQL's load and locks"),
    "57P01": NOT_UP,
    "57P02": NOT_UP,
    "57P03": NOT_UP,
    "55P03": Failure("a lock was not to be had in time: see PostgreSQL's load and locks"),
    "XX001": Failure("PostgreSQL finds its data damaged: restore a backup"),
    "XX002": Failure("PostgreSQL finds an index damaged: REINDEX, or restore a backup"),
}
"""By SQLSTATE."""

CONNECTING: tuple[tuple[str, Failure], ...] = (
    (
        r"failed to resolve host|could not translate host name",
        Failure("the host in DATABASE_URL is not known: check its name"),
    ),
    (
        r"Connection refused|No such file or directory",
        Failure(
            "nothing listens at the host and port in DATABASE_URL: check both, and that PostgreSQL "
            "runs there"
        ),
    ),
    (
        r"timeout expired|timed out|No route to host|Network is unreachable",
        Failure(
            "the host in DATABASE_URL does not answer: check host and port, and what is between "
            "(firewalls)"
        ),
    ),
    (r"password authentication failed|no password supplied|is not permitted to log in", NOT_LET_IN),
    (r'role "[^"]*" does not exist|[Pp]eer authentication failed', NOT_LET_IN),
    (r'database "[^"]*" does not exist', NO_DATABASE),
    (r"permission denied for database", MAY_NOT),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        Failure(
            "PostgreSQL lets this machine, role and database in by no line of its pg_hba.conf: add "
            "one, or set sslmode in DATABASE_URL",
            is_lasting=True,
        ),
    ),
    (r"too many (?:clients|connections)|remaining connection slots", NONE_LEFT),
    (r"the database system is (?:starting|shutting|not yet|not accepting|in recovery)", NOT_UP),
    (
        r"does not support SSL|certificate verify failed|(?:root|server) certificate"
        r"|private key file",
        Failure(
            "PostgreSQL and the bot do not agree on TLS: check sslmode and sslrootcert in "
            "DATABASE_URL",
            is_lasting=True,
        ),
    ),
    (
        r"(?s)connection failed.*server closed the connection",
        Failure("what listens at the host and port in DATABASE_URL hangs up: is it PostgreSQL?"),
    ),
    (
        r"server closed the connection|closed unexpectedly|SYSCALL error|consuming input failed"
        r"|connection is (?:closed|lost)",
        LOST,
    ),
    (r"connection (?:failed|is bad)", Failure("PostgreSQL lets nobody in: its log says why")),
    (r"invalid (?:URI|connection option)", Failure("DATABASE_URL cannot be read", True)),
)
"""By what stands in the error of a connection that did not come about: those have no SQLSTATE."""


def _of_postgresql(error: BaseException) -> Failure | None:
    state: str | None = getattr(error, "sqlstate", None)
    if state is not None:
        return POSTGRESQL.get(state) or (LOST if state.startswith("08") else None)
    if type(error).__module__.partition(".")[0] != "psycopg":
        return None
    said = str(error)
    return next((failure for text, failure in CONNECTING if re.search(text, said)), None)


# --- either --------------------------------------------------------------------------------------


def failure(error: BaseException) -> Failure:
    """What is wrong, for an error of the driver or of SQLAlchemy; of one that nobody foresaw the
    name of its class."""
    if isinstance(error, NoConnectionFree):
        return Failure("all connections to PostgreSQL are busy: look at its load and its locks")
    cause = error.orig if isinstance(error, DBAPIError) else error
    found = (
        _of_sqlite(cause)
        if isinstance(cause, sqlite3.Error)
        else _of_postgresql(cause)
        if cause is not None
        else None
    )
    return found or Failure(type(cause).__name__)
