"""An outbox on a real file, started again and again, as a program is."""

from pathlib import Path
from random import Random

from sunsweep.contract.limits import MAX_BOOT
from sunsweep.machine.disk import FILE, Disk, open_disk
from sunsweep.machine.outbox import Limits, Outbox
from sunsweep.machine.shelf import Shelf

_random = Random(11)


def start(folder: Path, *, limits: Limits | None = None, boot: int | None = None) -> Outbox:
    """One more boot on what is there."""
    drawn = _random.randint(1, MAX_BOOT) if boot is None else boot
    return Outbox(drawn, shelf=Shelf(open_disk(folder, "machine scm-1 of company 1")), limits=limits or Limits())


def numbers(outbox: Outbox) -> list[tuple[int, int]]:
    return [(entry.boot, entry.seq) for entry in outbox.pending()]


def disk_of(outbox: Outbox) -> Disk:
    disk = outbox._shelf._disk
    assert disk is not None
    return disk


def file_in(folder: Path) -> Path:
    return folder / FILE
