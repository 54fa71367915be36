"""Which command may be given now, by the stops that are open or in force. Pure: the database is asked elsewhere."""

from typing import NamedTuple

from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.server.errors import ConflictError, ForbiddenError, SunsweepError
from sunsweep.server.features.catalogue.effects import plain

EMERGENCY = plain("EmergencyStop")


class StopUnconfirmedError(ConflictError):
    """A stop is open: nothing that sets the machine moving is given."""

    code = "stop_unconfirmed"


class EmergencyStopError(ConflictError):
    """Only `reset` leads on."""

    code = "emergency_stop_in_force"


class StrongerStopError(ConflictError):
    """A stronger stop is open."""

    code = "stronger_stop_open"


class Standing(NamedTuple):
    """What of a machine's stops stands in the way: the strongest open one's rank, 0 for none; the emergency stop."""

    open_rank: int = 0
    emergency: bool = False
    """An emergency stop has been confirmed, and nothing has led out of it."""


class Said(NamedTuple):
    """A machine's newest status: its text, when it was said (ms), and whether it carried a `session`."""

    status: str | None
    at_ms: int | None
    in_session: bool


_NAME = {rank: command for command, rank in STOP_RANK.items()}


def objection(command: str, standing: Standing, *, by_person: bool = True) -> SunsweepError | None:
    """Why this command is not given now; None where it may be."""
    rank = STOP_RANK.get(command, 0)
    if standing.open_rank > rank:
        name = _NAME[standing.open_rank]
        if rank:
            return StrongerStopError(f"{command} is weaker than the {name} that is not confirmed yet")
        return StopUnconfirmedError(f"{name} is not confirmed yet; wait for it, or close it")
    if not standing.emergency or command == Order.EMERGENCY_STOP:
        return None
    if command != Order.RESET:
        return EmergencyStopError("the machine is in emergency stop; only reset leads out of it")
    return None if by_person else ForbiddenError("an API key cannot reset an emergency stop; a person has to")


def says_it_is_over(said: Said, *, confirmed_ms: int) -> bool:
    """Whether a machine itself tells, later than its emergency stop was confirmed, that it is in another state.

    Only machines that answer are believed: a bare one may say "Idle" whatever happens to it.
    """
    state = plain(said.status)
    later = said.at_ms is not None and said.at_ms > confirmed_ms
    return said.in_session and later and state not in (None, EMERGENCY)
