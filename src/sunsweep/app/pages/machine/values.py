"""What the tiles of a machine say: figure, unit, age, and whether that still counts as new."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from sunsweep.app.figures import units
from sunsweep.app.figures.ages import Freshness, freshness, heard
from sunsweep.app.figures.times import instant_of
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.live.readings import Reading, number
from sunsweep.app.live.trail import POWER
from sunsweep.app.look.quantities import quantity_words
from sunsweep.app.words import _

MOST_TILES: Final = 40
"""A machine may measure as much as it likes; what is beyond is in its history."""

_MEASURED: Final[dict[str, Callable[[float | None], str]]] = {
    "battery": units.battery,
    POWER: units.power,
    "solar_v": units.solar_voltage,
    "solar_a": units.current,
    "water": units.water,
}
_RUN: Final[dict[str, tuple[str, Callable[[], str], Callable[[float | None], str]]]] = {
    "run_area": ("area", lambda: _("Cleaned, this run"), units.area),
    "run_water": ("water", lambda: _("Water used, this run"), units.water_used),
    "run_energy": ("energy", lambda: _("Energy used, this run"), units.energy),
}


@dataclass(frozen=True, slots=True)
class Tile:
    """Texts in the language in use."""

    name: str
    label: str
    figure: str
    age: str
    freshness: Freshness


def tile_names(machine: MachineNow) -> tuple[str, ...]:
    """In an order that stays: what every machine measures, what this one adds, the run."""
    extra = sorted(
        name for name in machine.sample if name not in _MEASURED and number(machine.sample, name) is not None
    )
    run = [name for name, (key, _label, _text) in _RUN.items() if number(machine.run, key) is not None]
    return (*_MEASURED, *extra, *run)[:MOST_TILES]


def tile(machine: MachineNow, name: str, now_ms: int) -> Tile:
    """A value that never came is a dash, and says so."""
    if name in _RUN:
        key, label, run_text = _RUN[name]
        return _tile(machine, name, label(), run_text(number(machine.run, key)), machine.run.get(key), now_ms)
    if name == POWER:
        volts, amperes = number(machine.sample, "solar_v"), number(machine.sample, "solar_a")
        figure, reading = units.solar_power(volts, amperes), machine.sample.get("solar_a")
        return _tile(machine, name, quantity_words(name), figure, reading, now_ms)
    value = number(machine.sample, name)
    text = _MEASURED.get(name) or partial(units.extra, name)
    figure = text(value)
    return _tile(machine, name, quantity_words(name), figure, machine.sample.get(name), now_ms)


def _tile(machine: MachineNow, name: str, label: str, figure: str, reading: Reading | None, now_ms: int) -> Tile:
    if reading is None:
        return Tile(name, label, figure, _("No value yet"), Freshness.GONE)
    age_s = max(0.0, (now_ms - reading.at_ms) / 1000)
    return Tile(
        name,
        label,
        figure,
        heard(instant_of(reading.at_ms), instant_of(now_ms)),
        freshness(age_s, _interval_s(machine, name), machine.presence),
    )


def _interval_s(machine: MachineNow, name: str) -> float:
    """What a run has come to is told with a status: seldom, where nothing changes."""
    return float("inf") if name in _RUN else machine.expected_interval_s
