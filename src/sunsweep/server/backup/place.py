"""Putting a restored database where the old one is, so that a kill leaves one of the two, whole."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sunsweep.server.backup.workplace import sync

_LOGS: Final = ("-wal", "-shm", "-journal")


class Replacement(NamedTuple):
    """What comes, what goes."""

    database: Path
    fresh_database: Path
    """On the same file system, nobody's any more."""
    fresh: Mapping[Path, Path]
    """Other files by where they go, which may be another file system than the database's."""
    gone: tuple[Path, ...]
    """Files that may not stay where they are."""


def put_in_place(what: Replacement, *, stamp: str) -> Path | None:
    """The folder with what was there before, None where nothing was. The database goes last, in one step."""
    was_there = what.database.exists()
    folder = what.database.parent
    aside = _aside(folder / f"replaced-{stamp}")
    if was_there:
        # Both names for a moment: the old database stays in use until the new one is there.
        _keep(what.database, aside / what.database.name)
    # A log that could not be folded in would be taken for the new database's.
    for suffix in _LOGS:
        _move_aside(what.database.with_name(what.database.name + suffix), aside)
    for path in what.gone:
        _move_aside(path, aside)
    for path, fresh in what.fresh.items():
        shutil.move(fresh, path)
    sync(aside)
    what.fresh_database.chmod(0o600)
    what.fresh_database.replace(what.database)
    sync(folder)
    if any(aside.iterdir()):
        return aside
    aside.rmdir()
    return None


def _aside(wanted: Path) -> Path:
    number = 1
    path = wanted
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.name}-{number}")
    path.mkdir(mode=0o700)
    return path


def _keep(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)


def _move_aside(path: Path, aside: Path) -> None:
    if path.exists():
        shutil.move(path, aside / path.name)
