"""What a database that was put back to an earlier moment must not go on believing.

Whatever was done since is not in it: commands were sent and answered, logins were ended, codes were spent. So nothing
that waited then is sent now, and what a login or a code opened then stays shut.
"""

from collections.abc import Collection
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import CursorResult, Delete, Update, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK
from sunsweep.contract.times import iso
from sunsweep.server.db.models import (
    ApiKey,
    BulkRun,
    CommandRow,
    EnrolmentCode,
    PasswordReset,
    PlatformState,
    RefreshToken,
    User,
)
from sunsweep.server.db.state import UNSETTLED
from sunsweep.server.db.tenancy import platform_wide
from sunsweep.server.features.bulk.progress import ABORTED
from sunsweep.server.features.commands.lifecycle import Held, State, change_all

_STOPS: Final = [str(order) for order in STOP_RANK]
_AT_ONCE: Final = 500


class Settled(NamedTuple):
    """How many there were."""

    expired: int
    """Starts that were queued."""
    unconfirmed: int
    """Starts that were under way."""
    open_stops: int
    """They stay open, and go out again: a machine of ours knows their ids, a bare one is stopped once more."""
    runs: int
    """Bulk runs that had not ended."""
    logins: int
    codes: int
    keys: int
    """API keys that are good, those among them that were revoked since."""


@platform_wide("a database goes back as a whole")
async def settle(session: AsyncSession, *, taken_ms: int, end_keys: bool, now_ms: int) -> Settled:
    """Do it, in one transaction; `taken_ms` is the moment to which the database was put back."""
    reason = f"restored from a backup of {iso(taken_ms)}"
    expired = await _end(session, (State.QUEUED,), State.EXPIRED, reason, now_ms)
    begun = (State.SENT, State.ACCEPTED, State.RUNNING)
    unconfirmed = await _end(session, begun, State.UNCONFIRMED, reason, now_ms)
    running = update(BulkRun).where(BulkRun.ended_at.is_(None))
    runs = await _count(session, running.values(state=ABORTED, reason=reason, ended_at=now_ms))
    await session.execute(update(User).values(token_version=User.token_version + 1))
    logins = await session.scalar(select(func.count(RefreshToken.family.distinct())))
    for table in (RefreshToken, PasswordReset):
        await session.execute(delete(table))
    codes = await _count(session, delete(EnrolmentCode))
    if end_keys:
        await session.execute(update(ApiKey).where(ApiKey.revoked_at.is_(None)).values(revoked_at=now_ms))
    await session.execute(delete(PlatformState).where(PlatformState.name == UNSETTLED))
    open_stops = await session.scalar(select(func.count()).select_from(CommandRow).where(CommandRow.holds > 0))
    good = (ApiKey.revoked_at.is_(None), ApiKey.expires_at > now_ms)
    keys = await session.scalar(select(func.count()).select_from(ApiKey).where(*good))
    return Settled(expired, unconfirmed, open_stops or 0, runs, logins or 0, codes, keys or 0)


@platform_wide("a database goes back as a whole")
async def _end(session: AsyncSession, states: Collection[State], to: State, reason: str, now_ms: int) -> int:
    """What is no stop and was in one of these states; a machine's later word still corrects it."""
    which = (CommandRow.state.in_(states), CommandRow.command.not_in(_STOPS))
    rows = await session.execute(select(CommandRow.id, CommandRow.machine_id, CommandRow.state).where(*which))
    held = [Held(command_id, machine_id, State(state)) for command_id, machine_id, state in rows]
    for at in range(0, len(held), _AT_ONCE):
        await change_all(session, held[at : at + _AT_ONCE], to, at_ms=now_ms, reason=reason)
    return len(held)


async def _count(session: AsyncSession, statement: Update | Delete) -> int:
    done = await session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount
