"""Which command may be given now, by the stops that are open or in force. Pure: the database is asked elsewhere."""

from typing import NamedTuple

from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.server.errors import ConflictError


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


_NAME = {rank: command for command, rank in STOP_RANK.items()}


def objection(command: str, standing: Standing) -> ConflictError | None:
    """Why this command is not given now; None where it may be."""
    rank = STOP_RANK.get(command, 0)
    if standing.open_rank > rank:
        name = _NAME[standing.open_rank]
        if rank:
            return StrongerStopError(f"{command} is weaker than the {name} that is not confirmed yet")
        return StopUnconfirmedError(f"{name} is not confirmed yet; wait for it, or close it")
    if standing.emergency and command not in {Order.EMERGENCY_STOP, Order.RESET}:
        return EmergencyStopError("the machine is in emergency stop; only reset leads out of it")
    return None
