"""What the program asks of its surroundings. Hardware, time and the sun are handed in through these."""

from enum import StrEnum
from typing import NamedTuple, Protocol

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


class Reading(Struct, frozen=True):
    """One look at every sensor; None is "this sensor says nothing"."""

    activity: Activity
    run: Run = Run()
    battery_v: float | None = None
    solar_v: float | None = None
    solar_a: float | None = None
    water_pct: float | None = None
    temp_c: float | None = None
    vibration_g: float | None = None
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


class Hardware(NamedTuple):
    """One machine's body."""

    sensors: Sensors
    drive: Drive


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
