"""Where half a file may lie until it is whole: a hidden folder; the next one takes away what a kill has left."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = ".sunsweep-unfinished-"


@contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """A folder of one's own, gone at the end; those of programs that were killed go first."""
    for left in parent.glob(f"{_PREFIX}*"):
        _sweep(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(held)
        shutil.rmtree(folder, ignore_errors=True)


def move(source: Path, target: Path, *, replace: bool) -> None:
    """Have a whole file under its name, and the disk know it; raises `FileExistsError` unless it may replace."""
    if not replace:
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # file systems of memory sticks know no links
            if target.exists():
                raise FileExistsError(target) from None
            source.replace(target)
    else:
        source.replace(target)
    sync(target.parent)


def sync(folder: Path) -> None:
    """Have the disk know which files are in a folder."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sweep(left: Path) -> None:
    try:
        held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # somebody works in it
        return
    else:
        shutil.rmtree(left, ignore_errors=True)
    finally:
        os.close(held)
