"""What the commands that every machine knows take, each bound with its unit.

The limits of `configure` are what may be set from afar: none of them lets a machine start or go on in a way that is
bad for it, whatever is ordered. Volts are those of a 12 V LiFePO4 battery.
"""

from collections.abc import Mapping
from typing import Final

from sunsweep.contract.commands import Order
from sunsweep.contract.parameters import Kind, Parameter, Parameters

_RUN: Final[Parameters] = {
    "speed": Parameter(Kind.INTEGER, minimum=1, maximum=10, description="of brush and travel; 5 where it is left out"),
    "mode": Parameter(
        Kind.TEXT, choices=("auto", "manual", "edge"), description="how it goes about its work; auto where left out"
    ),
}
LIMITS: Final[Parameters] = {
    "start_battery_v": Parameter(Kind.NUMBER, 12.0, 14.4, unit="V", description="battery: a start needs as much"),
    "run_battery_v": Parameter(Kind.NUMBER, 11.5, 14.4, unit="V", description="battery: below it a run ends"),
    "start_water_pct": Parameter(Kind.NUMBER, 1, 100, unit="%", description="tank: a start needs as much"),
    "run_water_pct": Parameter(Kind.NUMBER, 1, 100, unit="%", description="tank: below it a run ends"),
    "start_temp_c": Parameter(Kind.NUMBER, 0, 80, unit="°C", description="temperature: hotter, it does not start"),
    "run_temp_c": Parameter(Kind.NUMBER, 0, 90, unit="°C", description="temperature: hotter, a run ends"),
    "max_tilt_deg": Parameter(Kind.NUMBER, 5, 60, unit="°", description="tilted further, it stands where it is"),
}
"""Names are those of `[limits]` in the machine's file."""
INTERVALS: Final[Parameters] = {
    "telemetry_interval_s": Parameter(Kind.NUMBER, 5, 3600, unit="s", description="between two samples"),
    "heartbeat_interval_s": Parameter(
        Kind.NUMBER,
        10,
        600,
        unit="s",
        description="between two statuses; a machine that says nothing for longer than is expected of it looks stale",
    ),
}
DEFAULTS: Final = "defaults"
"""The parameter of `configure` that leads back to the machine's file."""

PARAMETERS: Final[Mapping[Order, Parameters]] = {
    **{order: {} for order in Order},
    Order.START_CLEANING: _RUN,
    Order.CONFIGURE: {
        **INTERVALS,
        **LIMITS,
        DEFAULTS: Parameter(
            Kind.BOOLEAN, description="true: what is not named here goes back to what the machine's own file says"
        ),
    },
}
DESCRIPTIONS: Final[Mapping[Order, str]] = {
    Order.START_CLEANING: "Begin to clean",
    Order.STOP_CLEANING: "Stand still, wherever it is",
    Order.RETURN_TO_DOCK: "Go home",
    Order.EMERGENCY_STOP: "Cut the motors' power; only reset leads out of it",
    Order.PAUSE: "Interrupt a run, to be resumed",
    Order.RESUME: "Go on with an interrupted run",
    Order.RESET: "Lead out of an emergency stop or a fault, once its cause is gone",
    Order.CONFIGURE: "Set intervals and limits, at once and over restarts; without parameters, tell what is in force",
}
