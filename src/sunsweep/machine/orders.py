"""What an order means: its parameters, and the states that show that it is done."""

from collections.abc import Mapping
from typing import Any, Final

from sunsweep.contract.built_in import PARAMETERS
from sunsweep.contract.commands import Order
from sunsweep.contract.parameters import check
from sunsweep.machine.ports import Mode, Plan
from sunsweep.machine.states import State

GOALS: Final[Mapping[Order, frozenset[State]]] = {
    Order.START_CLEANING: frozenset({State.RUNNING}),
    Order.STOP_CLEANING: frozenset({State.IDLE, State.DOCKED, State.CHARGING, State.FAULT}),
    Order.RETURN_TO_DOCK: frozenset({State.DOCKED, State.CHARGING}),
    Order.EMERGENCY_STOP: frozenset({State.EMERGENCY_STOP}),
    Order.PAUSE: frozenset({State.PAUSED}),
    Order.RESUME: frozenset({State.RUNNING}),
    Order.RESET: frozenset({State.IDLE}),
}
"""An order has succeeded when the machine reads back one of these, not when it was taken.

`configure` is none of the drive's: it has succeeded when the settings are in force.
"""


def plan_of(params: Mapping[str, Any]) -> Plan:
    """The run that `start_cleaning` asks for; unknown parameters are left alone. Raises `BadParameter`."""
    known = PARAMETERS[Order.START_CLEANING]
    given = {name: value for name in known if (value := params.get(name)) is not None}
    check(known, given, command=Order.START_CLEANING)
    usual = Plan()
    return Plan(int(given.get("speed", usual.speed)), Mode(given.get("mode", usual.mode)))
