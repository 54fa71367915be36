"""A small file that is there whole or not at all, also after a loss of power."""

import os
from pathlib import Path
from typing import Final

PUBLIC: Final = 0o644
SECRET: Final = 0o600


def write_whole(path: Path, content: bytes, *, mode: int = PUBLIC) -> None:
    """In place of what was there; blocks until it is on the disk. Raises `OSError`.

    What is secret is never, not for a moment, anybody else's to read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Without it a loss of power may forget a new name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
