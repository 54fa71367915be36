"""How a measured quantity is called, written and coloured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sunsweep.app.figures import units
from sunsweep.app.figures.units import extra as extra_text
from sunsweep.app.look.tones import Pair
from sunsweep.app.words import N_, gettext, isolate

# Okabe and Ito's colours, told apart by people who see few. Of each pair the one that stands out from its ground.
GREEN: Final = Pair("#009E73", "#009E73")
ORANGE: Final = Pair("#D55E00", "#E69F00")
BLUE: Final = Pair("#0072B2", "#56B4E9")
OTHER: Final = Pair("#000000", "#CC79A7")


@dataclass(frozen=True, slots=True)
class Look:
    """`at_least`: the axis spans no less; `from_zero`: it begins there."""

    text: Callable[[float | None], str]
    unit: str
    color: Pair
    words: str
    at_least: float = 0.0
    from_zero: bool = False
    to: float | None = None
    """The value that is always on the axis."""


_WORDS: Final = {
    "battery": N_("Battery"),
    "solar_v": N_("Solar voltage"),
    "solar_a": N_("Solar current"),
    "water": N_("Water"),
    "temp": N_("Temperature"),
    "temp_c": N_("Temperature"),
    "temperature": N_("Temperature"),
    "vibration": N_("Vibration"),
    "current": N_("Current"),
    "tilt": N_("Tilt"),
    "tilt_deg": N_("Tilt"),
}


def look_of(name: str) -> Look:
    """In the language in use; a key that no table knows keeps its name."""
    words = gettext(_WORDS[name]) if name in _WORDS else isolate(name)
    if name == "battery":
        return Look(units.battery, units.VOLTS.unit(), GREEN, words, at_least=1.0)
    if name == "solar_v":
        return Look(units.solar_voltage, units.VOLTS.unit(), ORANGE, words, at_least=2.0, from_zero=True)
    if name == "solar_a":
        return Look(units.current, units.AMPERES.unit(), ORANGE, words, at_least=1.0, from_zero=True)
    if name == "water":
        return Look(units.water, units.PERCENT.unit(), BLUE, words, from_zero=True, to=100.0)
    return Look(lambda value: extra_text(name, value), units.extra_unit(name), OTHER, words)  # nosec B610
