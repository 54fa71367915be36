"""The parameters that every machine knows, in words; a model's own stand as its company has named them."""

from collections.abc import Mapping
from typing import Any, Final

from sunsweep.app.figures.numbers import as_sent
from sunsweep.app.words import N_, _, gettext, isolate, listed

NAMES: Final[dict[str, str]] = {
    "speed": N_("Speed"),
    "mode": N_("Way of cleaning"),
    "telemetry_interval_s": N_("Time between measurements"),
    "heartbeat_interval_s": N_("Time between states"),
    "start_battery_v": N_("Battery to start"),
    "run_battery_v": N_("Battery to go on"),
    "start_water_pct": N_("Water to start"),
    "run_water_pct": N_("Water to go on"),
    "start_temp_c": N_("Temperature to start"),
    "run_temp_c": N_("Temperature to go on"),
    "max_tilt_deg": N_("Largest tilt"),
    "defaults": N_("Back to the machine's own settings"),
}
CHOICES: Final[dict[str, str]] = {
    "auto": N_("Automatic"),
    "manual": N_("By hand"),
    "edge": N_("Edges only"),
}
DESCRIPTIONS: Final[dict[str, str]] = {
    "of brush and travel; 5 where it is left out": N_("of brush and travel; 5 where it is left out"),
    "how it goes about its work; auto where left out": N_("how it goes about its work; automatic where it is left out"),
    "battery: a start needs as much": N_("a start needs as much"),
    "battery: below it a run ends": N_("below it a run ends"),
    "tank: a start needs as much": N_("a start needs as much"),
    "tank: below it a run ends": N_("below it a run ends"),
    "temperature: hotter, it does not start": N_("hotter, it does not start"),
    "temperature: hotter, a run ends": N_("hotter, a run ends"),
    "tilted further, it stands where it is": N_("tilted further, it stands where it is"),
    "between two samples": N_("between two measurements"),
    "between two statuses; a machine that says nothing for longer than is expected of it looks stale": N_(
        "a machine that says nothing for longer than is expected of it looks silent"
    ),
    "true: what is not named here goes back to what the machine's own file says": N_(
        "what is not named here goes back to what the machine's own file says"
    ),
}
"""By the catalogue's English."""


def name_words(name: str) -> str:
    """What a field is called."""
    message = NAMES.get(name)
    return gettext(message) if message else isolate(name)


def choice_words(choice: str) -> str:
    """One of the texts that a parameter may be."""
    message = CHOICES.get(choice)
    return gettext(message) if message else isolate(choice)


def description_words(description: str) -> str:
    """What a parameter does; a model's own in the words of its company."""
    message = DESCRIPTIONS.get(description)
    return gettext(message) if message else description


def params_words(params: Mapping[str, Any], units: Mapping[str, str] | None = None) -> str:
    """All that was given with a command, in one line; `units` by name, where they are known."""
    return listed(f"{name_words(name)} {_value(value, (units or {}).get(name, ''))}" for name, value in params.items())


def _value(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return f"{as_sent(value)}\N{NO-BREAK SPACE}{unit}" if unit else as_sent(value)
    return choice_words(value) if isinstance(value, str) else isolate(str(value))
