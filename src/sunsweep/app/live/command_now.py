"""A command as it stands."""

from dataclasses import dataclass
from typing import Final

STOPS: Final = frozenset({"emergency_stop", "stop_cleaning", "return_to_dock"})
"""Those of `docs/commands.md` that hold starts back until a machine has confirmed them."""
ENDED: Final = frozenset({"succeeded", "failed", "rejected", "expired", "cancelled"})
_RANK: Final = {"queued": 0, "sent": 1, "accepted": 2, "running": 3, "unconfirmed": 4}
_END: Final = 5


@dataclass(frozen=True, slots=True)
class CommandNow:
    """Its newest state. `command` is empty while only its id is known: a state's frame does not name it."""

    id: str
    command: str
    state: str
    at_ms: int
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


def newer(known: CommandNow, told: CommandNow) -> CommandNow:
    """What is known after `told`, whichever came first; a later state has a later time, or a later place in a life."""
    is_later = (told.at_ms, _RANK.get(told.state, _END)) > (known.at_ms, _RANK.get(known.state, _END))
    found, other = (told, known) if is_later else (known, told)
    if found.command or not other.command:
        return found
    return CommandNow(found.id, other.command, found.state, found.at_ms, found.reason)
