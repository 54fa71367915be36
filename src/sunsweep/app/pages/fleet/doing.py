"""What a machine is doing, in one short line under its state."""

from sunsweep.app.figures import units
from sunsweep.app.figures.ages import since
from sunsweep.app.figures.times import instant_of
from sunsweep.app.live.attention import Attention
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.live.readings import number
from sunsweep.app.look.commands import order_words, state_words
from sunsweep.app.words import _, listed

_S = AttentionState
_LASTS = frozenset({_S.EMERGENCY_STOP, _S.FAULT, _S.SILENT_WORKING, _S.REFUSED, _S.OFFLINE})
_AT_WORK = frozenset({_S.WORKING, _S.LOW, _S.PAUSED, _S.SILENT_WORKING})


def doing(machine: MachineNow, found: Attention, now_ms: int) -> str:
    """The open command, how far the run has come, or since when it has been so; empty where nothing is to be said."""
    said: list[str] = []
    if found.state is _S.LOW:
        said += [units.battery(found.battery_v)] if found.battery_v is not None else []
        said += [units.water(found.water_pct)] if found.water_pct is not None else []
    area = number(machine.run, "area") if found.state in _AT_WORK else None
    last = machine.last_command
    is_open = last is not None and not last.has_ended and bool(last.command)
    if last is not None and is_open and (area is None or last.command != "start_cleaning"):
        said.append(_("{command}: {state}").format(command=order_words(last.command), state=state_words(last.state)))
    if area is not None:
        said.append(_("{area} so far").format(area=units.area(area)))
    if not said and found.state in _LASTS and found.since_ms is not None:
        said.append(since(instant_of(found.since_ms), instant_of(now_ms)))
    return listed(said)
