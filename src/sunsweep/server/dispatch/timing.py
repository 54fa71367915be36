"""When a command goes out, when again, and for how long the broker may keep it. Pure."""

from itertools import count
from typing import Final

from sunsweep.contract.commands import STOP_RANK, is_stop_like
from sunsweep.server.db.models import CommandRow, MachineStatus

NOBODY_LISTENS: Final = "the machine is not connected; waiting for it"
BROKER_AWAY: Final = "the broker cannot be reached; waiting for it"
BARE_EXPIRY_S: Final = 10
STOP_EXPIRY_S: Final = 900
ANSWER_WITHIN_MS: Final = 30_000
NEXT_WORD_WITHIN_MS: Final = 900_000
STOP_ENDS_WITHIN_MS: Final = 3_600_000
"""A machine drives home for long."""
FIRST_WAIT_MS: Final = 5_000
LONGEST_WAIT_MS: Final = 30_000
RESEND_FOR_MS: Final = 900_000
"""Of the machine's time online."""


def urgency(row: CommandRow) -> tuple[int, str]:
    """Stops first, the strongest before the others; then in the order of the ids."""
    return (-STOP_RANK.get(row.command, 0), row.id)


def is_bare(status: MachineStatus | None) -> bool:
    """Whether the machine answers nothing, as far as is known."""
    return status is None or not status.in_session


def is_over(row: CommandRow, *, now_ms: int) -> bool:
    """Whether the time has passed for which it may wait."""
    return row.expires_at is not None and row.expires_at <= now_ms


def may_be_here(row: CommandRow, status: MachineStatus | None, *, now_ms: int) -> bool:
    """Of a bare machine: one that was not listening is tried again once it was heard, otherwise ever less often."""
    if status is not None and status.presence != "online":
        return False
    if row.reason != NOBODY_LISTENS or (status is not None and status.heard_at > row.changed_at):
        return True
    return now_ms - row.changed_at >= row.changed_at - row.issued_at


def life_s(row: CommandRow, *, now_ms: int, bare: bool) -> int:
    """Message Expiry Interval: a bare machine cannot know how old a start is, so the broker keeps none for it."""
    if row.expires_at is None:
        return STOP_EXPIRY_S
    left_s = max(1, (row.expires_at - now_ms) // 1000)
    return min(left_s, BARE_EXPIRY_S) if bare and not is_stop_like(row.command) else left_s


def wait_ms(sends: int) -> int:
    """How long a stop that was sent so many times waits for an answer before it is sent again."""
    return min(FIRST_WAIT_MS << min(max(sends, 1) - 1, 8), LONGEST_WAIT_MS)


def waited_ms(sends: int) -> int:
    """How long it has waited before its newest sending, all waits together."""
    return sum(wait_ms(number) for number in range(1, sends))


ENOUGH_SENDS: Final = next(sends for sends in count(1) if waited_ms(sends) >= RESEND_FOR_MS)
"""After so many a stop goes out again only to a machine that has come back."""


def is_due_again(row: CommandRow, status: MachineStatus | None, *, now_ms: int) -> bool:
    """Whether an open stop goes out again: at once to a machine that has come back, else after its wait."""
    if row.sent_at is None or (status is not None and status.presence == "offline"):
        return False
    if status is not None and status.presence_since > row.sent_at:
        return True
    if row.sends >= ENOUGH_SENDS:
        return False
    # Or the clock has stepped back.
    return not 0 <= now_ms - row.sent_at < wait_ms(row.sends)
