"""What a machine is shown as, and whether somebody has to look at it: one pure function, for list, map and page."""

from dataclasses import dataclass, replace
from typing import Final

from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.live.command_now import CommandNow
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.live.readings import number
from sunsweep.contract.commands import CommandState

LOW_BATTERY_V: Final = 12.7
"""Of a 12 V LiFePO4 battery: a machine breaks its run off below 12.5 V by itself, as it comes from the factory."""
LOW_WATER_PCT: Final = 10.0
"""A new run would not start below it."""
SILENT_AFTER_INTERVALS: Final = 2
"""Of the machine's expected interval; the same at which an age turns amber."""
STOP_GRACE_MS: Final = 3_000
"""A machine in reach confirms a stop well within it; a banner that comes and goes would only startle."""
USUAL_OFFLINE_MS: Final = 14 * 3600 * 1000
"""A night: machines that charge by the sun may sleep through it."""

RANK: Final[dict[AttentionState, int]] = {state: rank for rank, state in enumerate(AttentionState)}
"""A key to sort by: what needs a person first, the rest in the order of the enumeration."""

_BY_STATUS: Final = {
    "emergencystop": AttentionState.EMERGENCY_STOP,
    "fault": AttentionState.FAULT,
    "error": AttentionState.FAULT,
    "paused": AttentionState.PAUSED,
    "returning": AttentionState.RETURNING,
    "starting": AttentionState.WORKING,
    "running": AttentionState.WORKING,
    "cleaning": AttentionState.WORKING,
    "charging": AttentionState.CHARGING,
    "idle": AttentionState.IDLE,
    "stopped": AttentionState.IDLE,
    "docked": AttentionState.DOCKED,
}
_MOVES: Final = frozenset({AttentionState.WORKING, AttentionState.RETURNING})
_SETS_OFF: Final = frozenset({"start_cleaning", "resume"})
_WORST: Final = frozenset({AttentionState.EMERGENCY_STOP, AttentionState.FAULT})
NEEDS: Final = frozenset(list(AttentionState)[: RANK[AttentionState.PAUSED]])
"""The states that need a person."""


@dataclass(frozen=True, slots=True)
class Attention:
    """A state and what it rests on; the words are made elsewhere."""

    state: AttentionState
    needed: bool
    """Whether somebody has to look: not for a machine that is asleep as every night, or taken out of service."""
    since_ms: int | None = None
    said: str | None = None
    """The machine's own word, as it was said."""
    battery_v: float | None = None
    """Where it is low."""
    water_pct: float | None = None
    """Where it is low."""
    command: str = ""
    """The stop that is open."""
    command_state: str = ""

    @property
    def rank(self) -> int:
        """Its place in a list that shows the worst first; what needs nobody comes after all that does."""
        return RANK[self.state] if self.needed else len(RANK) + RANK[self.state]


def attention(machine: MachineNow, now_ms: int) -> Attention:
    """The first of the states that fits, in the order in which they matter; `now_ms` is the server's time."""
    told = shown_status(machine.status)
    if told in _WORST:
        return _of(machine, told, machine.status_ms)
    return _at_work(machine, told, now_ms) or _at_rest(machine, told, now_ms)


def _at_work(machine: MachineNow, told: AttentionState, now_ms: int) -> Attention | None:
    """What is wrong with one that may be moving."""
    offline = machine.presence == "offline"
    stop = machine.open_stop
    if stop is not None and _is_overdue(stop, now_ms, offline=offline):
        found = _of(machine, AttentionState.STOP_UNCONFIRMED, stop.at_ms)
        return replace(found, command=stop.command, command_state=stop.state)
    if _is_at_work(machine, told) and is_silent(machine, now_ms):
        return _of(machine, AttentionState.SILENT_WORKING, machine.heard_ms)
    battery_v, water_pct = _low(machine)
    if told in _MOVES and not offline and (battery_v is not None or water_pct is not None):
        return replace(_of(machine, AttentionState.LOW, None), battery_v=battery_v, water_pct=water_pct)
    return None


def _at_rest(machine: MachineNow, told: AttentionState, now_ms: int) -> Attention:
    if machine.refused_ms is not None:
        return _of(machine, AttentionState.REFUSED, machine.refused_ms)
    if machine.presence == "offline":
        found = _of(machine, AttentionState.OFFLINE, machine.presence_ms)
        is_long = machine.presence_ms is not None and now_ms - machine.presence_ms > USUAL_OFFLINE_MS
        return replace(found, needed=found.needed and is_long)
    return _of(machine, told, machine.status_ms)


def shown_status(said: str | None) -> AttentionState:
    """What a status is shown as; case, blanks and dashes of the free text do not count."""
    plain = "".join(letter for letter in (said or "").casefold() if letter.isalnum())
    return _BY_STATUS.get(plain, AttentionState.UNKNOWN)


def is_silent(machine: MachineNow, now_ms: int) -> bool:
    """Whether the machine has said nothing for longer than is expected of it."""
    if machine.presence != "online" or machine.heard_ms is None:
        return True
    return now_ms - machine.heard_ms > SILENT_AFTER_INTERVALS * machine.expected_interval_s * 1000


def _of(machine: MachineNow, state: AttentionState, since_ms: int | None) -> Attention:
    return Attention(state, machine.enabled and state in NEEDS, since_ms, machine.status)


def _is_at_work(machine: MachineNow, told: AttentionState) -> bool:
    """Whether it moves, as far as is known.

    After a will or a farewell the API does not tell its last state of work, so nothing is made of that one here
    either: then the last command says whether it was left at work.
    """
    if machine.presence != "offline" or machine.presence_cause not in {"status", "disabled"}:
        return told in _MOVES
    last = machine.last_command
    begun = last is not None and last.command in _SETS_OFF and last.state in {"accepted", "running"}
    return begun and machine.presence_cause == "status"


def _is_overdue(stop: CommandNow, now_ms: int, *, offline: bool) -> bool:
    return offline or stop.state == CommandState.UNCONFIRMED or now_ms - stop.at_ms > STOP_GRACE_MS


def _low(machine: MachineNow) -> tuple[float | None, float | None]:
    battery_v, water_pct = number(machine.sample, "battery"), number(machine.sample, "water")
    return (
        battery_v if battery_v is not None and battery_v < LOW_BATTERY_V else None,
        water_pct if water_pct is not None and water_pct < LOW_WATER_PCT else None,
    )
