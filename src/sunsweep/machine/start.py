"""What a program start takes from the last one: the outbox and the guard's memory, out of the state folder."""

import logging
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from sunsweep.contract.limits import MAX_BOOT
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.damage import UNREADABLE
from sunsweep.machine.disk import open_disk
from sunsweep.machine.guard import Memory
from sunsweep.machine.outbox import DAY_MS, Limits, MemoryOutbox, Outbox
from sunsweep.machine.shelf import Shelf

_GUARD: Final = "guard"
_log = logging.getLogger(__name__)


def open_outbox(config: MachineConfig, random: Random) -> Outbox:
    """A new boot, over whatever earlier ones have left; raises `InUseError`."""
    boot = random.randint(1, MAX_BOOT)
    if config.state_dir is None:
        return MemoryOutbox(boot)
    limits = Limits(config.max_messages, config.max_megabytes * 1024 * 1024, config.max_age_days * DAY_MS)
    disk = open_disk(Path(config.state_dir), f"machine {config.machine_id} of company {config.company_id}")
    return Outbox(boot, shelf=Shelf(disk), limits=limits)


def memory_in(outbox: Outbox) -> Memory:
    """What the guard knew."""
    kept = outbox.kept(_GUARD)
    try:
        return Memory() if kept is None else msgspec.json.decode(kept, type=Memory)
    except UNREADABLE:
        _log.exception("the guard's memory cannot be read: an old command that comes again would run again")
        return Memory()


def keeper_in(outbox: Outbox) -> Callable[[Memory], None]:
    """Writes the guard's memory whenever it changes."""
    return lambda memory: outbox.keep(_GUARD, msgspec.json.encode(memory))
