"""What the program asks of its surroundings. Hardware, time and the sun are handed in through these."""

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from msgspec import Struct


class Mode(StrEnum):
    """How a cleaning run goes about its work."""

    AUTO = "auto"
    MANUAL = "manual"
    EDGE = "edge"


class Activity(StrEnum):
    """What the hardware reads back of itself, whatever it was told."""

    STANDING = "standing"
    CLEANING = "cleaning"
    TRAVELLING = "travelling"
    DOCKED = "docked"


class Plan(Struct, frozen=True):
    """A cleaning run as ordered: speed 1-10 of brush and travel."""

    speed: int = 5
    mode: Mode = Mode.AUTO


class Run(Struct, frozen=True):
    """Counters of the current run, or of the last one while none is on."""

    energy_wh: float = 0.0
    water_l: float = 0.0
    area_m2: float = 0.0


class Sense(StrEnum):
    """What a machine may measure; values are the names of `Reading`'s fields."""

    BATTERY_V = "battery_v"
    SOLAR_V = "solar_v"
    SOLAR_A = "solar_a"
    WATER_PCT = "water_pct"
    TEMP_C = "temp_c"
    VIBRATION_G = "vibration_g"
    TILT_DEG = "tilt_deg"
    CURRENT_A = "current_a"
    POSITION = "position"


class Position(NamedTuple):
    """WGS 84, degrees."""

    lat: float
    lon: float


class Reading(Struct, frozen=True):
    """One look at every sensor; None is "this sensor says nothing". `current_a` is drawn from the battery.

    `emergency`: the button is pressed, or was since the power was last restored; `button_pressed`: it is now.
    """

    activity: Activity
    run: Run = Run()
    battery_v: float | None = None
    solar_v: float | None = None
    solar_a: float | None = None
    water_pct: float | None = None
    temp_c: float | None = None
    vibration_g: float | None = None
    tilt_deg: float | None = None
    current_a: float | None = None
    position: Position | None = None
    emergency: bool = False
    button_pressed: bool = False
    charging: bool = False
    row_done: bool = False


class Sensors(Protocol):
    async def read(self) -> Reading:
        """Look at everything; raises `HardwareError` when the board itself does not answer."""
        ...


class Drive(Protocol):
    """Brush, pump and travel. Each call returns when the order is taken; what came of it is in the next reading."""

    async def start(self, plan: Plan) -> None: ...

    async def halt(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def return_to_dock(self) -> None: ...

    async def cut_power(self) -> None:
        """Emergency stop: nothing moves until `restore_power`."""
        ...

    async def restore_power(self) -> None: ...


class HardwareError(Exception):
    """The hardware does not do what it was asked."""


NEEDED: Final = frozenset({Sense.BATTERY_V, Sense.WATER_PCT})
"""No machine cleans without knowing these."""


class Hardware(NamedTuple):
    """One machine's body. `senses` names the sensors that it has: one of them that falls silent is no leave to run."""

    sensors: Sensors
    drive: Drive
    senses: frozenset[Sense] = NEEDED


class Clock(Protocol):
    @property
    def synchronised(self) -> bool:
        """Whether `now_ms` can be trusted."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some instant; never steps."""
        ...


class Surroundings(NamedTuple):
    """What a driver is given beside its options."""

    clock: Clock
    random: Random


class BadOptions(Exception):  # noqa: N818  said to whoever wrote the file
    """The `[hardware]` table cannot be used; the message names the option."""


class Driver(Protocol):
    """An entry point of the group `sunsweep.drivers`; raises `BadOptions`, `HardwareError` where nothing is there."""

    def __call__(self, options: Mapping[str, Any], surroundings: Surroundings) -> Hardware: ...


class PanelPoint(NamedTuple):
    """Where on its curve the panel works."""

    volts: float
    amps: float

    @property
    def watts(self) -> float:
        return self.volts * self.amps


class Sky(Protocol):
    """Sun and air over one machine. `at_s` counts the site's seconds (its noon is 43,200)."""

    def panel(self, at_s: float, demand_w: float) -> PanelPoint:
        """The panel's working point when `demand_w` could be used."""
        ...

    def air_c(self, at_s: float) -> float: ...
