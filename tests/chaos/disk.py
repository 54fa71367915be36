"""A small disk that can be full: a tmpfs of its own where we may mount one, which is as root."""

import asyncio
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MIB = 48
_BALLAST = "ballast"


class Disk:
    """A folder on a small file system, or on the usual one where `small` is false."""

    def __init__(self, folder: Path, *, small: bool) -> None:
        self.folder = folder
        self.small = small

    async def fill(self) -> None:
        """Leave not a byte: the next write anywhere on it is ENOSPC."""
        await asyncio.to_thread(self._fill)

    def free(self) -> None:
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def _fill(self) -> None:
        with (self.folder / _BALLAST).open("ab", buffering=0) as file:
            for size in (2**20, 2**12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Mounted, and unmounted at the end."""
    folder.mkdir()
    small = os.geteuid() == 0 and _ran("mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "chaos", str(folder))
    try:
        yield Disk(folder, small=small)
    finally:
        if small:
            _ran("umount", "--lazy", str(folder))


def _ran(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
