"""The machine's states and the one table of legal moves."""

from enum import StrEnum
from typing import Final

from sunsweep.contract.commands import Order


class State(StrEnum):
    """Values are the words on the wire."""

    IDLE = "Idle"
    STARTING = "Starting"
    RUNNING = "Running"
    PAUSED = "Paused"
    RETURNING = "Returning"
    CHARGING = "Charging"
    DOCKED = "Docked"
    FAULT = "Fault"
    EMERGENCY_STOP = "EmergencyStop"


class Happening(StrEnum):
    """What moves a machine without an order."""

    WORKING = "working"
    SUPPLIES_LOW = "supplies_low"
    OVERHEATED = "overheated"
    LINK_LOST = "link_lost"
    LINK_LOST_STOP = "link_lost_stop"
    ROW_DONE = "row_done"
    ARRIVED = "arrived"
    SUN_CHARGES = "sun_charges"
    CHARGE_ENDED = "charge_ended"
    BROKE = "broke"
    BUTTON = "emergency_button"


Cause = Order | Happening

_AT_DOCK: Final[dict[Cause, State]] = {
    Order.START_CLEANING: State.STARTING,
    Order.EMERGENCY_STOP: State.EMERGENCY_STOP,
    Happening.BROKE: State.FAULT,
}
_AT_WORK: Final[dict[Cause, State]] = {
    Order.STOP_CLEANING: State.IDLE,
    Order.RETURN_TO_DOCK: State.RETURNING,
    Order.EMERGENCY_STOP: State.EMERGENCY_STOP,
    Happening.BROKE: State.FAULT,
}
_BREAKS_OFF: Final[dict[Cause, State]] = {
    Happening.SUPPLIES_LOW: State.RETURNING,
    Happening.OVERHEATED: State.RETURNING,
    Happening.LINK_LOST: State.RETURNING,
    Happening.LINK_LOST_STOP: State.IDLE,
}

_WITHOUT_BUTTON: Final[dict[State, dict[Cause, State]]] = {
    State.IDLE: {
        Order.START_CLEANING: State.STARTING,
        Order.STOP_CLEANING: State.IDLE,
        Order.RETURN_TO_DOCK: State.RETURNING,
        Order.EMERGENCY_STOP: State.EMERGENCY_STOP,
        Happening.BROKE: State.FAULT,
    },
    State.STARTING: {**_AT_WORK, **_BREAKS_OFF, Happening.WORKING: State.RUNNING},
    State.RUNNING: {
        **_AT_WORK,
        **_BREAKS_OFF,
        Order.PAUSE: State.PAUSED,
        Happening.ROW_DONE: State.RETURNING,
    },
    # Somebody may stand beside a paused machine: it does not move by itself, not even to save its battery.
    State.PAUSED: {**_AT_WORK, Order.PAUSE: State.PAUSED, Order.RESUME: State.RUNNING},
    State.RETURNING: {
        Order.STOP_CLEANING: State.IDLE,
        Order.RETURN_TO_DOCK: State.RETURNING,
        Order.EMERGENCY_STOP: State.EMERGENCY_STOP,
        Happening.ARRIVED: State.DOCKED,
        Happening.BROKE: State.FAULT,
    },
    State.DOCKED: {
        **_AT_DOCK,
        Order.STOP_CLEANING: State.DOCKED,
        Order.RETURN_TO_DOCK: State.DOCKED,
        Happening.SUN_CHARGES: State.CHARGING,
    },
    State.CHARGING: {
        **_AT_DOCK,
        Order.STOP_CLEANING: State.CHARGING,
        Order.RETURN_TO_DOCK: State.CHARGING,
        Happening.CHARGE_ENDED: State.DOCKED,
    },
    State.FAULT: {
        Order.STOP_CLEANING: State.FAULT,
        Order.EMERGENCY_STOP: State.EMERGENCY_STOP,
        Order.RESET: State.IDLE,
    },
    State.EMERGENCY_STOP: {Order.EMERGENCY_STOP: State.EMERGENCY_STOP, Order.RESET: State.IDLE},
}
MOVES: Final[dict[State, dict[Cause, State]]] = {
    state: {**moves, Happening.BUTTON: State.EMERGENCY_STOP} for state, moves in _WITHOUT_BUTTON.items()
}
"""What is not in here does not happen. A move to the same state is an order that is fulfilled already."""

_PLAIN: Final = {
    State.IDLE: "is standing idle",
    State.STARTING: "is just starting",
    State.RUNNING: "is cleaning",
    State.PAUSED: "is paused",
    State.RETURNING: "is on its way to the dock",
    State.CHARGING: "is charging at its dock",
    State.DOCKED: "stands at its dock",
    State.FAULT: "has a fault; reset it first",
    State.EMERGENCY_STOP: "is in emergency stop; only reset leads out of it",
}


def move(state: State, cause: Cause) -> State | None:
    """Where `cause` leads from `state`; None where it leads nowhere."""
    return MOVES[state].get(cause)


def why_not(state: State, order: Order) -> str:
    """Plain words for an order that is illegal now."""
    return f"cannot {order.replace('_', ' ')}: the machine {_PLAIN[state]}"
