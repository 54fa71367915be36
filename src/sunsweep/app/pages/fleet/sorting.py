"""Which machines are shown, and in which order."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sunsweep.app.live.attention import Attention, shown_status
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.live.readings import number
from sunsweep.app.pages.fleet.wish import Column, Show, Wish

_WORKING: Final = frozenset({AttentionState.WORKING, AttentionState.PAUSED, AttentionState.RETURNING})
_IDLE: Final = frozenset({AttentionState.IDLE, AttentionState.CHARGING, AttentionState.DOCKED})
_DIGITS: Final = re.compile(r"(\d+)")


def groups(machine: MachineNow, found: Attention) -> frozenset[Show]:
    """The counts that a machine is counted in; one that works may need somebody all the same."""
    told = shown_status(machine.status)
    if machine.presence == "offline":
        presently = Show.OFFLINE
    elif told in _WORKING:
        presently = Show.WORKING
    elif told in _IDLE:
        presently = Show.IDLE
    else:
        presently = Show.ALL
    return frozenset({Show.ALL, presently, Show.ATTENTION if found.needed else Show.ALL})


def is_sought(machine: MachineNow, wish: Wish) -> bool:
    """Whether the tag is there, and each word of the search in serial, name or a tag."""
    if wish.tag and wish.tag not in machine.tags:
        return False
    words = wish.q.casefold().split()
    if not words:
        return True
    text = "\n".join((machine.machine_id, machine.name, *machine.tags)).casefold()
    return all(word in text for word in words)


def place(machine: MachineNow, found: Attention, wish: Wish) -> tuple[Any, ...]:
    """A key: the lower, the further up. What has no value comes last, whichever way round."""
    name = natural(machine.name or machine.machine_id)
    value = _value(machine, found, wish.sort)
    if value is None:
        return (1, 0, name, machine.machine_id)
    return (0, _Backwards(value) if wish.is_reversed else value, name, machine.machine_id)


@lru_cache(maxsize=16_384)
def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which row 2 stands before row 10."""
    parts = _DIGITS.split(text.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def solar_w(machine: MachineNow) -> float | None:
    """W from the newest V and A."""
    volts, amperes = number(machine.sample, "solar_v"), number(machine.sample, "solar_a")
    return None if volts is None or amperes is None else volts * amperes


def _value(machine: MachineNow, found: Attention, column: Column) -> Any:
    if column is Column.ATTENTION:
        return found.rank
    if column is Column.NAME:
        return natural(machine.name or machine.machine_id)
    if column is Column.SOLAR:
        return solar_w(machine)
    if column is Column.HEARD:
        return machine.heard_ms
    return number(machine.sample, "battery" if column is Column.BATTERY else "water")


@dataclass(frozen=True, slots=True)
class _Backwards:
    value: Any

    def __lt__(self, other: "_Backwards") -> bool:
        return bool(other.value < self.value)
