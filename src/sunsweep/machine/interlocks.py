"""When the machine itself says no, or goes home."""

from math import isfinite
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
        return (
            self.against_setting_out(reading, senses)
            or _hot(reading, senses, limit_c=self.start_temp_c)
            or _short(reading, battery_v=self.start_battery_v, water_pct=self.start_water_pct)
        )

    def against_running(self, reading: Reading, senses: frozenset[Sense]) -> Objection | None:
        """Why a run may not go on."""
        return (
            self.against_setting_out(reading, senses)
            or _hot(reading, senses, limit_c=self.run_temp_c)
            or _short(reading, battery_v=self.run_battery_v, water_pct=self.run_water_pct)
        )

    def against_setting_out(self, reading: Reading, senses: frozenset[Sense]) -> Objection | None:
        """Why a machine that stands may not begin to move."""
        if reading.emergency:
            return Objection(Happening.BUTTON, "the emergency stop button was pressed; reset it first")
        return self.against_moving(reading, senses)

    def against_moving(self, reading: Reading, senses: frozenset[Sense]) -> Objection | None:
        """Why not even the way home may be driven: a machine that tips over stands where it is."""
        tilt_deg = _said(reading.tilt_deg)
        if tilt_deg is None:
            gone = Sense.TILT_DEG in senses
            return Objection(Happening.BROKE, "the tilt sensor does not answer") if gone else None
        if tilt_deg <= self.max_tilt_deg:
            return None
        words = f"tilted by {tilt_deg:.0f}°, at most {self.max_tilt_deg:.0f}° are allowed"
        return Objection(Happening.BROKE, words)


def _said(value: float | None) -> float | None:
    """What is no finite number is silence: compared with a limit it would pass as good."""
    return value if value is not None and isfinite(value) else None


def _hot(reading: Reading, senses: frozenset[Sense], *, limit_c: float) -> Objection | None:
    temp_c = _said(reading.temp_c)
    if temp_c is None:
        gone = Sense.TEMP_C in senses
        return Objection(Happening.OVERHEATED, "the temperature sensor does not answer") if gone else None
    if temp_c <= limit_c:
        return None
    return Objection(Happening.OVERHEATED, f"too hot: {temp_c:.0f} °C, at most {limit_c:.0f} °C are allowed")


def _short(reading: Reading, *, battery_v: float, water_pct: float) -> Objection | None:
    words = _shortage(reading, battery_v=battery_v, water_pct=water_pct)
    return None if words is None else Objection(Happening.SUPPLIES_LOW, words)


def _shortage(reading: Reading, *, battery_v: float, water_pct: float) -> str | None:
    volts, water = _said(reading.battery_v), _said(reading.water_pct)
    if volts is None:
        return "the battery sensor does not answer"
    if volts < battery_v:
        return f"battery low: {volts:.2f} V, at least {battery_v:.2f} V are needed"
    if water is None:
        return "the water sensor does not answer"
    if water < water_pct:
        return f"water low: {water:.0f} %, at least {water_pct:.0f} % are needed"
    return None
