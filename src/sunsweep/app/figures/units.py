"""Every measured value as text, with its unit. Figure and unit stay on one line (U+00A0).

Each quantity has its decimals, so that a column keeps its width; they are what the sensors are good for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sunsweep.app.figures.conventions import conventions
from sunsweep.app.figures.numbers import NONE, as_sent, number
from sunsweep.app.words import pgettext

KWH_FROM_WH: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured; `pattern` is asked at each call, for the language may have changed."""

    decimals: int
    pattern: Callable[[], str]

    def text(self, value: float | None) -> str:
        """Figure and unit, or a dash where there is no value."""
        return self._with(number(value, self.decimals))

    def unit(self) -> str:
        """The bare unit, for the head of a column or an axis."""
        return self._with("").strip()

    def _with(self, figure: str) -> str:
        return figure if figure == NONE else self.pattern().format(n=figure)


VOLTS: Final = Quantity(1, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}V"))
AMPERES: Final = Quantity(1, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}A"))
WATTS: Final = Quantity(0, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}W"))
PERCENT: Final = Quantity(0, lambda: conventions().percent)
WATT_HOURS: Final = Quantity(1, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}Wh"))
KILOWATT_HOURS: Final = Quantity(2, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}kWh"))
SQUARE_METRES: Final = Quantity(0, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}m²"))
METRES: Final = Quantity(0, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}m"))
KILOMETRES: Final = Quantity(0, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}km"))
LITRES: Final = Quantity(1, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}L"))
CELSIUS: Final = Quantity(1, lambda: pgettext("unit", "{n}\N{NO-BREAK SPACE}°C"))
"""With a space in English too, as the SI brochure (5.4.3) wants it; CLDR's `en` has none."""
DEGREES: Final = Quantity(1, lambda: pgettext("unit", "{n}°"))

_EXTRA: Final = {
    "current": AMPERES,
    "temp": CELSIUS,
    "temp_c": CELSIUS,
    "temperature": CELSIUS,
    "tilt": DEGREES,
    "tilt_deg": DEGREES,
}
"""`vibration` has no unit that the machine's document names: it is shown as sent."""


def battery(volts: float | None) -> str:
    """13.5 V."""
    return VOLTS.text(volts)


def solar_voltage(volts: float | None) -> str:
    """21.2 V."""
    return VOLTS.text(volts)


def current(amperes: float | None) -> str:
    """4.5 A."""
    return AMPERES.text(amperes)


def power(watts: float | None) -> str:
    """95 W."""
    return WATTS.text(watts)


def solar_power(volts: float | None, amperes: float | None) -> str:
    """W from V and A of one sample."""
    return power(None if volts is None or amperes is None else volts * amperes)


def water(percent: float | None) -> str:
    """80%, of the tank."""
    return PERCENT.text(percent)


def energy(watt_hours: float | None) -> str:
    """150.5 Wh, and 1.25 kWh from a thousand on."""
    # By what would be shown: 999.96 Wh would stand there as 1,000.0.
    if watt_hours is not None and abs(round(watt_hours, WATT_HOURS.decimals)) >= KWH_FROM_WH:
        return KILOWATT_HOURS.text(watt_hours / KWH_FROM_WH)
    return WATT_HOURS.text(watt_hours)


def area(square_metres: float | None) -> str:
    """450 m²."""
    return SQUARE_METRES.text(square_metres)


def distance(metres: float) -> str:
    """200 m, and 5 km from a thousand on: of a map's scale, which is a round figure."""
    return KILOMETRES.text(metres / 1000) if metres >= 1000 else METRES.text(metres)


def water_used(litres: float | None) -> str:
    """12.5 L."""
    return LITRES.text(litres)


def temperature(celsius: float | None) -> str:
    """32.5 °C."""
    return CELSIUS.text(celsius)


def extra(name: str, value: float | None) -> str:
    """A numeric key of `extra`: in the unit that its name stands for, else the bare figure as it was sent."""
    known = _EXTRA.get(name.lower())
    return known.text(value) if known else as_sent(value)


def extra_unit(name: str) -> str:
    """The bare unit of a key of `extra`; empty where its name stands for none."""
    known = _EXTRA.get(name.lower())
    return known.unit() if known else ""
