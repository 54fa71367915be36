"""What is measured, by its name on the wire, in words."""

from typing import Final

from sunsweep.app.figures.numbers import NONE
from sunsweep.app.words import N_, gettext, isolate

_QUANTITIES: Final[dict[str, str]] = {
    "battery": N_("Battery"),
    "solar_v": N_("Solar voltage"),
    "solar_a": N_("Solar current"),
    "power": N_("Solar power"),
    "water": N_("Water"),
    "current": N_("Current"),
    "temp": N_("Temperature"),
    "temp_c": N_("Temperature"),
    "temperature": N_("Temperature"),
    "tilt": N_("Tilt"),
    "tilt_deg": N_("Tilt"),
    "vibration": N_("Vibration"),
}


def quantity_words(name: str) -> str:
    """What no table knows stands as the machine calls it."""
    message = _QUANTITIES.get(name.lower())
    return gettext(message) if message else isolate(name) if name.strip() else NONE
