"""What holds starts back."""

from dataclasses import dataclass
from enum import StrEnum

from sunsweep.app.live.attention import STOP_GRACE_MS, shown_status
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.live.machine import MachineNow
from sunsweep.contract.commands import CommandState


class Hold(StrEnum):
    STOP = "stop"
    EMERGENCY_STOP = "emergency_stop"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Held:
    """`command_id`: the stop that a person may close."""

    by: Hold
    command_id: str = ""
    command: str = ""
    state: str = ""
    reason: str = ""


def held(machine: MachineNow, now_ms: int) -> Held | None:
    """The first that stands in the way; a stop that has just been given is no news yet."""
    stop = machine.open_stop
    if stop is not None and stop.command and _is_overdue(machine, stop.state, stop.at_ms, now_ms):
        return Held(Hold.STOP, stop.id, stop.command, stop.state, stop.reason)
    if shown_status(machine.status) is AttentionState.EMERGENCY_STOP:
        return Held(Hold.EMERGENCY_STOP)
    if machine.is_known and not machine.enabled:
        return Held(Hold.DISABLED)
    return None


def _is_overdue(machine: MachineNow, state: str, at_ms: int, now_ms: int) -> bool:
    return machine.presence == "offline" or state == CommandState.UNCONFIRMED or now_ms - at_ms > STOP_GRACE_MS
