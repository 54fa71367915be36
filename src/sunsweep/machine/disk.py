"""The outbox's file: SQLite, safe against the loss of power at any moment.

A write-ahead log with `synchronous = FULL`: what `save` returned from is on the card. One process alone uses the file
(exclusive locking), so there is no shared memory and no second writer of the same numbers.
"""

import json
import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from sunsweep.contract.topics import Channel
from sunsweep.machine.entry import Entry

FILE: Final = "outbox.db"
_OWNER: Final = "owner"
MAX_ASIDE: Final = 3
MAX_REJECTED: Final = 1000
_VERSION: Final = 1
_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE entry (
    place INTEGER PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL, channel TEXT NOT NULL,
    payload BLOB NOT NULL, ts_ms INTEGER NOT NULL, dated INTEGER NOT NULL
);
CREATE TABLE rejected (
    place INTEGER PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL, channel TEXT NOT NULL,
    payload BLOB NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""
_log = logging.getLogger(__name__)


class Rejection(NamedTuple):
    """What the backend would not take, and why."""

    boot: int
    seq: int
    channel: Channel
    payload: bytes
    reason: str


class Changes(Struct):
    """To be written together. An entry of None is gone; `kept` are small values by name."""

    entries: dict[int, Entry | None] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)


class DiskError(Exception):
    """The file cannot be used or written now; the message says why."""


class CorruptError(DiskError):
    """The file is none of ours, damaged, or of a newer program."""


class InUseError(DiskError):
    """Another program holds the file: two of them would obey a command twice."""


class Disk:
    """Raises `DiskError`; after an error nothing of that `save` is in the file."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
        except sqlite3.Error as error:
            raise DiskError(str(error)) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self.close()
            raise _told(error) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()

    def read(self, *, after: int, limit: int) -> list[Entry]:
        """Entries in order, beyond the place `after`."""
        rows = self._rows(
            "SELECT place, boot, seq, channel, payload, ts_ms, dated FROM entry WHERE place > ? ORDER BY place LIMIT ?",
            (after, limit),
        )
        try:
            return [
                Entry(place, boot, seq, Channel(name), data, ts, bool(dated))
                for place, boot, seq, name, data, ts, dated in rows
            ]
        except ValueError as error:
            raise CorruptError(f"an entry is damaged: {error}") from error

    def totals(self) -> tuple[int, int, int]:
        """How many entries, their payloads' bytes, the last one's place."""
        [(count, size, last)] = self._rows(
            "SELECT count(*), coalesce(sum(length(payload)), 0), coalesce(max(place), 0) FROM entry", ()
        )
        return count, size, last

    def bases(self) -> dict[int, int]:
        """By boot: place minus number, the same for all of a boot's entries."""
        return dict(self._rows("SELECT boot, min(place - seq) FROM entry GROUP BY boot", ()))

    def damaged(self) -> list[Entry]:
        """Entries whose bits have turned over, which SQLite does not notice: only place, boot and number are theirs."""
        rows = self._rows(
            "SELECT place, boot, seq, cast(payload AS BLOB) FROM entry"
            " WHERE channel NOT IN (SELECT value FROM json_each(?)) OR typeof(payload) <> 'blob'"
            " OR typeof(ts_ms) <> 'integer' OR typeof(dated) <> 'integer' OR NOT json_valid(cast(payload AS TEXT))",
            (json.dumps(list(Channel)),),
        )
        return [Entry(place, boot, seq, Channel.TELEMETRY, data, 0) for place, boot, seq, data in rows]

    def has_undated(self) -> bool:
        return bool(self._rows("SELECT 1 FROM entry WHERE NOT dated LIMIT 1", ()))

    def rejected(self) -> list[Rejection]:
        """The newest that the backend would not take, oldest first."""
        rows = self._rows("SELECT boot, seq, channel, payload, reason FROM rejected ORDER BY place", ())
        return [Rejection(boot, seq, Channel(name), payload, reason) for boot, seq, name, payload, reason in rows]

    def kept(self, name: str) -> bytes | None:
        rows = self._rows("SELECT value FROM kept WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def save(self, changes: Changes) -> None:
        """All of it or nothing, and safe when this returns."""
        gone = [(place,) for place, entry in changes.entries.items() if entry is None]
        held = [
            (place, entry.boot, entry.seq, entry.channel, entry.payload, entry.ts_ms, entry.dated)
            for place, entry in changes.entries.items()
            if entry is not None
        ]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM entry WHERE place = ?", gone)
            self._db.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", held)
            self._db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", changes.kept.items())
            if changes.rejected:
                self._db.executemany(
                    "INSERT INTO rejected (boot, seq, channel, payload, reason) VALUES (?, ?, ?, ?, ?)",
                    changes.rejected,
                )
                newest = "(SELECT max(place) FROM rejected)"
                self._db.execute(f"DELETE FROM rejected WHERE place <= {newest} - ?", (MAX_REJECTED,))  # noqa: S608
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise _told(error) from error

    def _rows(self, statement: str, values: tuple[int | str, ...]) -> list[Any]:
        try:
            rows: list[Any] = self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _told(error) from error
        return rows

    def _prepare(self) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA cache_size = -512")
        [(verdict,)] = self._db.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise CorruptError(verdict)
        [(version,)] = self._db.execute("PRAGMA user_version").fetchall()
        if version == _VERSION:
            return
        if version != 0:
            raise CorruptError(f"it is of version {version}, and this program knows {_VERSION}")
        self._db.executescript(_SCHEMA)


def open_disk(folder: Path, owner: str) -> Disk | None:
    """The file in `folder`, a new one where it is damaged or another machine's, or None where there can be none.

    Said as ERROR. Raises `InUseError`.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _owned(path, owner)
        except CorruptError as error:
            aside = _move_aside(path)
            _log.error("%s cannot be read (%s): kept as %s, and a new one begun", path, error, aside.name)
            return _owned(path, owner)
    except InUseError as error:
        raise InUseError(f"{path} is in use: does another sunsweep-machine run?") from error
    except (DiskError, OSError) as error:
        _log.error("nothing can be kept in %s: %s. Messages are in memory only, until the next start", path, error)
        return None


def _owned(path: Path, owner: str) -> Disk:
    """What one machine has measured never goes out as another's."""
    disk = Disk(path)
    try:
        _claim(disk, owner)
    except BaseException:
        disk.close()
        raise
    return disk


def _claim(disk: Disk, owner: str) -> None:
    before = disk.kept(_OWNER)
    if before is None:
        disk.save(Changes(kept={_OWNER: owner.encode()}))
    elif before != owner.encode():
        raise CorruptError(f"it is of {before.decode(errors='replace')}, and this is {owner}")


def _told(error: sqlite3.Error) -> DiskError:
    """Operational errors are the surroundings' (disk full, read-only); others are the file's own."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:  # the primary code of an extended one
        return InUseError(str(error))
    return DiskError(str(error)) if isinstance(error, sqlite3.OperationalError) else CorruptError(str(error))


def _move_aside(path: Path) -> Path:
    """Keep the newest few; the log goes with its file, or the next file would take it for its own."""
    taken = sorted(int(old.suffix.removeprefix(".corrupt-")) for old in path.parent.glob("outbox.corrupt-*[0-9]"))
    aside = path.with_suffix(f".corrupt-{taken[-1] + 1 if taken else 1}")
    for number in taken[: max(0, len(taken) + 1 - MAX_ASIDE)]:
        for suffix in ("", "-wal"):
            Path(f"{path.with_suffix(f'.corrupt-{number}')}{suffix}").unlink(missing_ok=True)
    path.rename(aside)
    with suppress(FileNotFoundError):
        Path(f"{path}-wal").rename(f"{aside}-wal")
    return aside
