"""Which of a bare machine's states prove that it did what it was told."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from sunsweep.contract.commands import Order, is_stop_like
from sunsweep.contract.payloads import OFFLINE

STANDING: Final = ("Idle", "Stopped", "Docked", "Charging", "EmergencyStop")
WORKING: Final = ("Running", "Cleaning")

BUILT_IN: Final[Mapping[str, tuple[str, ...]]] = {
    Order.START_CLEANING: WORKING,
    Order.RESUME: WORKING,
    Order.PAUSE: ("Paused",),
    Order.STOP_CLEANING: STANDING,
    Order.EMERGENCY_STOP: STANDING,
    Order.RETURN_TO_DOCK: ("Docked", "Charging"),
    Order.RESET: ("Idle", "Docked", "Charging"),
}
"""Command -> the states that prove it; a model's own table stands above it, command by command."""


class Effects(Struct, frozen=True):
    """The table of one machine model: command -> states as `plain` writes them."""

    proved_by: Mapping[str, frozenset[str]]

    def knows(self, command: str) -> bool:
        """Whether any state proves this command."""
        return bool(self.proved_by.get(command))

    def proves(self, command: str, *, status: str | None, before: str | None) -> bool:
        """Whether a status seen after the publish proves the command; `before` is the one known until then.

        For a stop a state that stands still is enough; anything else is proved by a change only. `offline`, a
        missing and an unknown status prove nothing and are no change.
        """
        now = plain(status)
        if now is None or now not in self.proved_by.get(command, frozenset()):
            return False
        if is_stop_like(command):
            return True
        then = plain(before)
        return then is not None and then not in self.proved_by[command]


def plain(status: str | None) -> str | None:
    """A status as it is compared: free text, so case, blanks and dashes do not count. None: it says nothing."""
    if status is None:
        return None
    text = "".join(letter for letter in status.casefold() if letter.isalnum())
    return None if text in {"", OFFLINE} else text


def effects(*tables: Mapping[str, tuple[str, ...]]) -> Effects:
    """The table of a model; later ones stand above earlier ones."""
    merged = {command: states for table in tables for command, states in table.items()}
    return Effects({command: frozenset(filter(None, map(plain, states))) for command, states in merged.items()})
