"""A command as it stands."""

from dataclasses import dataclass
from typing import Final

from sunsweep.contract.commands import ENDED, CommandState

_RANK: Final[dict[str, int]] = {
    CommandState.QUEUED: 0,
    CommandState.SENT: 1,
    CommandState.ACCEPTED: 2,
    CommandState.RUNNING: 3,
    CommandState.UNCONFIRMED: 4,
}
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
