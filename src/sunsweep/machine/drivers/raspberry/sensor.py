"""One sensor: a chip's value in the unit it is wanted in, or None."""

from math import isfinite
from typing import Final, NamedTuple

from sunsweep.machine.drivers.raspberry.chip import Chip, Implausible, Value
from sunsweep.machine.drivers.raspberry.health import Health
from sunsweep.machine.drivers.raspberry.options import SensorOptions
from sunsweep.machine.ports import Clock, Position, Sense

PLAUSIBLE: Final = {
    Sense.BATTERY_V: (1.0, 100.0),
    Sense.SOLAR_V: (-0.5, 200.0),
    Sense.SOLAR_A: (-1.0, 100.0),
    Sense.WATER_PCT: (-5.0, 105.0),
    Sense.TEMP_C: (-50.0, 125.0),
    Sense.VIBRATION_G: (0.0, 16.0),
    Sense.TILT_DEG: (0.0, 180.0),
    Sense.CURRENT_A: (-300.0, 300.0),
}
"""What a cleaning machine can be in; the file may narrow or widen it."""
_DIGITS: Final = 3


class Bounds(NamedTuple):
    low: float
    high: float


class Sensor:
    """Looks at its chip every `every_s`, a second time at once when a look failed: motors disturb."""

    def __init__(self, sense: Sense, chip: Chip, options: SensorOptions, clock: Clock) -> None:
        self.sense = sense
        self.answered: bool | None = None
        """At the newest call of `look`; None where it did not ask."""
        self._chip = chip
        self._options = options
        self._bounds = _bounds_of(sense, options)
        self._clock = clock
        self._health = Health(f"the sensor {sense}", clock)
        self._value: Value | None = None
        self._next_s = clock.monotonic_s()

    def look(self) -> Value | None:
        if self._clock.monotonic_s() < self._next_s and self._value is not None:
            self.answered = None
            return self._value
        self._next_s = self._clock.monotonic_s() + self._options.every_s
        self._value = self._look_twice()
        return self._value

    def _look_twice(self) -> Value | None:
        try:
            try:
                value = self._measure()
            except (OSError, Implausible):
                value = self._measure()
        except (OSError, Implausible) as error:
            self.answered = not isinstance(error, OSError)
            self._health.failed(error)
            return None
        self.answered = True
        self._health.well()
        return value

    def _measure(self) -> Value:
        raw = self._chip.read()
        if isinstance(raw, Position):
            return _on_earth(raw)
        value = raw * self._options.scale + self._options.offset
        if not isfinite(value) or not self._bounds.low <= value <= self._bounds.high:
            raise Implausible(f"{value:.3g} is outside of {self._bounds.low:g} to {self._bounds.high:g}")
        if self.sense is Sense.WATER_PCT:
            value = min(100.0, max(0.0, value))
        return round(value, _DIGITS)


def _bounds_of(sense: Sense, options: SensorOptions) -> Bounds:
    low, high = PLAUSIBLE.get(sense, (-180.0, 180.0))
    return Bounds(low if options.low is None else options.low, high if options.high is None else options.high)


def _on_earth(position: Position) -> Position:
    if not (abs(position.lat) <= 90 and abs(position.lon) <= 180) or position == (0.0, 0.0):
        raise Implausible(f"{position.lat}, {position.lon} is no place for a solar field")
    return position
