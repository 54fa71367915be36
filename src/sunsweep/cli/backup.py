"""`sunsweep backup`: an SQLite database and what belongs to it, in one file, while everything goes on."""

import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy.engine import make_url

from sunsweep import __version__
from sunsweep.cli.folder import Folder
from sunsweep.cli.plainly import plainly
from sunsweep.cli.store import Data, database_url
from sunsweep.server.backup import package, sqlite_copy
from sunsweep.server.backup.errors import BackupError
from sunsweep.server.backup.package import DATABASE, FORMAT, Manifest
from sunsweep.server.backup.workplace import move, workplace
from sunsweep.server.clock import wall_clock

SUFFIX: Final = ".sunsweep-backup"
SPARE_BYTES: Final = 16_000_000
_TIMED: Final = re.compile(rf"sunsweep-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}")
EVERY_S: Final = 5.0
"""Between two words of progress."""

Force = Annotated[bool, typer.Option("--force", help="replace what is there")]


def backup(
    target: Annotated[Path, typer.Argument(help="the file to be made, or a folder for one named after the time")],
    keep: Annotated[int | None, typer.Option(min=1, help="in that folder, keep so many backups: the newest")] = None,
    force: Force = False,  # noqa: FBT002
    data: Data = None,
) -> None:
    """Make a backup of an SQLite database, also of one in use."""
    with plainly(), tidy_end():
        database = sqlite_file(data)
        into = target.resolve()
        if keep is not None and not into.is_dir():
            raise BackupError(f"--keep is for a folder, and {target} is none")
        taken_ms = wall_clock()
        file = into / f"sunsweep-{datetime.fromtimestamp(taken_ms / 1000, UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"
        file = file if into.is_dir() else into
        if file.exists() and not force:
            raise BackupError(f"{file} is there already; --force replaces it")
        if file.exists() and file.suffix != SUFFIX and file.parent in {database.parent, data and data.resolve()}:
            raise BackupError(f"{file} is a part of what is to be backed up; choose another name")
        _make(database, file, data, taken_ms, force=force)
        if keep is not None:
            for old in _older(file)[: 1 - keep or None]:
                old.unlink()
    print(file)


def _older(newest: Path) -> list[Path]:
    """Those named after a time before this one's, the oldest first: not an operator's own, nor the future's."""
    timed = (file for file in newest.parent.iterdir() if _TIMED.fullmatch(file.name) and file.name < newest.name)
    return sorted(timed)


def _make(database: Path, file: Path, data: Path | None, taken_ms: int, *, force: bool) -> None:
    size = sqlite_copy.size_of(database)
    package.require_room(file.parent, 2 * size + SPARE_BYTES)
    with workplace(file.parent) as place:
        copied, packed = place / DATABASE, place / "packed"
        sqlite_copy.copy(database, copied, Progress("copied"))
        sqlite_copy.verify(copied, str(database))
        manifest = Manifest(
            format=FORMAT,
            software=__version__,
            schema=sqlite_copy.schema_of(copied),
            taken_at=taken_ms,
            database_bytes=copied.stat().st_size,
        )
        package.write(packed, manifest, copied, _files(data), Progress("packed"))
        try:
            move(packed, file, replace=force)
        except FileExistsError as error:
            raise BackupError(f"{file} is there already; --force replaces it") from error


def sqlite_file(data: Path | None, *, new: bool = False) -> Path:
    """The configured database's file, which may be missing only where it is to be `new`; raises `BackupError`."""
    if new and data is not None:
        return (data / DATABASE).resolve()
    address = make_url(database_url(data))
    if address.get_backend_name() != "sqlite" or not address.database:
        raise BackupError("this is for SQLite; deploy/mysql has the scripts for MySQL and MariaDB")
    file = Path(address.database).resolve()
    if not new and not file.exists():
        raise BackupError(f"there is no {file}")
    return file


def kept_files(folder: Folder) -> tuple[Path, ...]:
    """What of a folder a backup holds beside the database. The other secrets are drawn anew at the next start."""
    return folder.logins, folder.machines


def _files(data: Path | None) -> dict[str, bytes]:
    if data is None:
        return {}
    return {file.name: file.read_bytes() for file in kept_files(Folder(data)) if file.exists()}


class Progress:
    """Says on stderr how far long work has come."""

    def __init__(self, done: str) -> None:
        self._done = done
        self._next = time.monotonic() + EVERY_S

    def __call__(self, done: int, size: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            typer.echo(f"{self._done} {done / 1e6:,.0f} of {size / 1e6:,.0f} MB", err=True)


@contextmanager
def tidy_end() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the work as an error does: what is unfinished is taken away."""
    before = {number: signal.signal(number, _end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)
