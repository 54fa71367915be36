"""A small file that is there whole or not at all, also after a loss of power."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """In place of what was there; blocks until it is on the disk. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Without it a loss of power may forget a new name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
