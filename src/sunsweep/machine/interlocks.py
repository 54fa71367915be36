"""When the machine itself says no, or goes home."""

from typing import NamedTuple

from msgspec import Struct

from sunsweep.machine.ports import Reading, Sense
from sunsweep.machine.states import Happening


class Objection(NamedTuple):
    """Why not, and what it makes a machine at work do."""

    happening: Happening
    words: str


class Interlocks(Struct, frozen=True, forbid_unknown_fields=True):
    """The `[limits]` of the file: volts of a 12 V LiFePO4 battery, per cent of the tank, °C, degrees from level.

    Running limits lie lower: load makes the volts sag. Of the sensors that the machine has (`senses`), and of battery
    and water always, silence is no leave to run.
    """

    start_battery_v: float = 13.0
    start_water_pct: float = 10.0
    run_battery_v: float = 12.5
    run_water_pct: float = 1.0
    start_temp_c: float = 75.0
    run_temp_c: float = 85.0
    max_tilt_deg: float = 45.0

    def against_start(self, reading: Reading, senses: frozenset[Sense]) -> Objection | None:
        """Why a run may not begin."""
        if reading.emergency:
            return Objection(Happening.BUTTON, "the emergency stop button was pressed; reset it first")
        return (
            self.against_moving(reading, senses)
            or _hot(reading, senses, limit_c=self.start_temp_c)
            or _short(reading, battery_v=self.start_battery_v, water_pct=self.start_water_pct)
        )

    def against_running(self, reading: Reading, senses: frozenset[Sense]) -> Objection | None:
        """Why a run may not go on."""
        return (
            self.against_moving(reading, senses)
            or _hot(reading, senses, limit_c=self.run_temp_c)
            or _short(reading, battery_v=self.run_battery_v, water_pct=self.run_water_pct)
        )

    def against_moving(self, reading: Reading, senses: frozenset[Sense]) -> Objection | None:
        """Why not even the way home may be driven: a machine that tips over stands where it is."""
        if reading.tilt_deg is None:
            gone = Sense.TILT_DEG in senses
            return Objection(Happening.BROKE, "the tilt sensor does not answer") if gone else None
        if reading.tilt_deg <= self.max_tilt_deg:
            return None
        words = f"tilted by {reading.tilt_deg:.0f}°, at most {self.max_tilt_deg:.0f}° are allowed"
        return Objection(Happening.BROKE, words)


def _hot(reading: Reading, senses: frozenset[Sense], *, limit_c: float) -> Objection | None:
    if reading.temp_c is None:
        gone = Sense.TEMP_C in senses
        return Objection(Happening.OVERHEATED, "the temperature sensor does not answer") if gone else None
    if reading.temp_c <= limit_c:
        return None
    return Objection(Happening.OVERHEATED, f"too hot: {reading.temp_c:.0f} °C, at most {limit_c:.0f} °C are allowed")


def _short(reading: Reading, *, battery_v: float, water_pct: float) -> Objection | None:
    words = _shortage(reading, battery_v=battery_v, water_pct=water_pct)
    return None if words is None else Objection(Happening.SUPPLIES_LOW, words)


def _shortage(reading: Reading, *, battery_v: float, water_pct: float) -> str | None:
    if reading.battery_v is None:
        return "the battery sensor does not answer"
    if reading.battery_v < battery_v:
        return f"battery low: {reading.battery_v:.2f} V, at least {battery_v:.2f} V are needed"
    if reading.water_pct is None:
        return "the water sensor does not answer"
    if reading.water_pct < water_pct:
        return f"water low: {reading.water_pct:.0f} %, at least {water_pct:.0f} % are needed"
    return None
