"""What an order means: its parameters, and the states that show that it is done."""

from collections.abc import Mapping
from typing import Any, Final

from sunsweep.contract.commands import Order
from sunsweep.machine.ports import Mode, Plan
from sunsweep.machine.states import State

MIN_SPEED: Final = 1
MAX_SPEED: Final = 10

GOALS: Final[Mapping[Order, frozenset[State]]] = {
    Order.START_CLEANING: frozenset({State.RUNNING}),
    Order.STOP_CLEANING: frozenset({State.IDLE, State.DOCKED, State.CHARGING, State.FAULT}),
    Order.RETURN_TO_DOCK: frozenset({State.DOCKED, State.CHARGING}),
    Order.EMERGENCY_STOP: frozenset({State.EMERGENCY_STOP}),
    Order.PAUSE: frozenset({State.PAUSED}),
    Order.RESUME: frozenset({State.RUNNING}),
    Order.RESET: frozenset({State.IDLE}),
}
"""An order has succeeded when the machine reads back one of these, not when it was taken."""


class BadParameter(Exception):  # noqa: N818  a refusal, told to whoever gave the order
    """A parameter out of its limits; the message names it and them."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def plan_of(params: Mapping[str, Any]) -> Plan:
    """The run that `start_cleaning` asks for; unknown parameters are left alone. Raises `BadParameter`."""
    return Plan(_speed(params.get("speed")), _mode(params.get("mode")))


def _speed(given: object) -> int:
    if given is None:
        return Plan().speed
    if isinstance(given, bool) or not isinstance(given, int | float) or given != int(given):
        raise BadParameter("speed", f"must be a whole number from {MIN_SPEED} to {MAX_SPEED}")
    if not MIN_SPEED <= given <= MAX_SPEED:
        raise BadParameter("speed", f"must be from {MIN_SPEED} to {MAX_SPEED}, not {given:g}")
    return int(given)


def _mode(given: object) -> Mode:
    if given is None:
        return Plan().mode
    try:
        return Mode(given)  # type: ignore[arg-type]  # anything may come; what is no mode raises
    except ValueError:
        raise BadParameter("mode", f"must be one of {', '.join(Mode)}") from None
