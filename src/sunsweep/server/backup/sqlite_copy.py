"""A copy of an SQLite database, as it is at one moment, while others write to it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from sunsweep.server.backup.errors import BackupError

PAGES_AT_ONCE: Final = 4096
STEPS_AT_ONCE: Final = 100_000
"""Of SQLite's virtual machine."""

_MAGIC: Final = b"SQLite format 3\0"

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""


def size_of(database: Path) -> int:
    """Bytes that a copy will have; raises `BackupError`."""
    with _opened(database) as source:
        pages, page_bytes = _number(source, "page_count"), _number(source, "page_size")
    return pages * page_bytes


def copy(database: Path, target: Path, told: Progress) -> None:
    """Make `target`, one file without a log beside it; raises `BackupError`."""
    with _opened(database) as source, closing(sqlite3.connect(target, isolation_level=None)) as copied:
        page_bytes = _number(source, "page_size")
        try:
            # It holds its moment from here on; without it each write of others would begin the copy anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            source.backup(
                copied,
                pages=PAGES_AT_ONCE,
                progress=lambda _, left, pages: told((pages - left) * page_bytes, pages * page_bytes),
            )
            copied.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.Error as error:
            raise BackupError(f"{database} cannot be copied: {error}") from error


def verify(database: Path, name: str) -> None:
    """Every page, index and reference of a database that nobody uses; raises `BackupError`, which names it `name`."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as opened:
            # Signals are heard while Python runs, and this may take minutes.
            opened.set_progress_handler(lambda: 0, STEPS_AT_ONCE)
            (found,) = opened.execute("PRAGMA integrity_check(1)").fetchone()
            astray = opened.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        raise BackupError(f"the database in {name} is damaged: {error}") from error
    if found != "ok":
        raise BackupError(f"the database in {name} is damaged: {found}")
    if astray is not None:
        raise BackupError(f"the database in {name} is damaged: a row of {astray[0]} refers to none of {astray[2]}")


def schema_of(database: Path) -> str:
    """The revision of its schema; raises `BackupError` for a database that is not ours."""
    with _opened(database) as opened:
        try:
            (revision,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
        except (sqlite3.Error, TypeError) as error:
            raise BackupError(f"{database} is no database of sunsweep") from error
    return str(revision)


def take_alone(database: Path) -> None:
    """Fold the log of a database into it, which works only while nobody else has it open; raises `BackupError`.

    A database too damaged for that is left as it is.
    """
    if not _is_sqlite(database):
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=1)) as opened:
            opened.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise BackupError(f"a program has {database} open; stop it first") from error
    except sqlite3.DatabaseError:
        return


def _is_sqlite(database: Path) -> bool:
    """Asked before it is opened: of a file that begins with rubbish SQLite would take away the log."""
    with database.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _opened(database: Path) -> closing[sqlite3.Connection]:
    if not _is_sqlite(database):
        raise BackupError(f"{database} is damaged, or no SQLite database")
    try:
        return closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=15))
    except sqlite3.Error as error:
        raise BackupError(f"{database} cannot be read: {error}") from error


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    try:
        (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be read: {error}") from error
    return int(value)
