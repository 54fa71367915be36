"""A machine's own status in words. It is free text: what no table knows stands as it came."""

from typing import Final

from sunsweep.app.words import N_, gettext, isolate

STATUSES: Final[dict[str, str]] = {
    "idle": N_("Idle"),
    "stopped": N_("Stopped"),
    "starting": N_("Starting"),
    "running": N_("Cleaning"),
    "cleaning": N_("Cleaning"),
    "paused": N_("Paused"),
    "returning": N_("Returning"),
    "charging": N_("Charging"),
    "docked": N_("Docked"),
    "fault": N_("Fault"),
    "emergencystop": N_("Emergency stop"),
    "offline": N_("Offline"),
}
"""By the status without case, blanks and dashes, as the platform compares it."""


def status_words(status: str) -> str:
    """In the language in use, where it is one that is known."""
    message = STATUSES.get("".join(letter for letter in status.casefold() if letter.isalnum()))
    return gettext(message) if message else isolate(status)
