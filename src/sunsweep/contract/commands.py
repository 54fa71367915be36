"""The commands every machine knows, which of them stop it, and how far one can have come."""

from enum import StrEnum
from typing import Final


class Order(StrEnum):
    START_CLEANING = "start_cleaning"
    STOP_CLEANING = "stop_cleaning"
    RETURN_TO_DOCK = "return_to_dock"
    EMERGENCY_STOP = "emergency_stop"
    PAUSE = "pause"
    RESUME = "resume"
    RESET = "reset"
    CONFIGURE = "configure"


STOP_RANK: Final[dict[str, int]] = {Order.EMERGENCY_STOP: 3, Order.STOP_CLEANING: 2, Order.RETURN_TO_DOCK: 1}
"""Stop-like commands; the higher outranks the lower."""


def is_stop_like(command: str) -> bool:
    """Whether the command may overtake, and is never held back by age."""
    return command in STOP_RANK


class CommandState(StrEnum):
    """Of a command, as REST and the viewers' frames have it (`docs/commands.md`)."""

    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNCONFIRMED = "unconfirmed"


ENDED: Final = frozenset(
    {
        CommandState.SUCCEEDED,
        CommandState.FAILED,
        CommandState.REJECTED,
        CommandState.EXPIRED,
        CommandState.CANCELLED,
    }
)
"""Nothing more is expected; of `unconfirmed` a later word still is."""
