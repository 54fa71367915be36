"""SQL of what a list of machines says beside their newest states: what they were told, and what of them was refused.

Three statements for a page, each by keys, however long the history. What the ledger misses is not here: its totals are
kept by boot, of which a machine has one a start.
"""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.contract.commands import STOP_RANK
from sunsweep.server.db.models import CommandRow, DeadLetter, Machine
from sunsweep.server.db.tenancy import platform_wide

REFUSED_MS: Final = 24 * 3_600_000
"""For how long a refused message asks for attention."""
_RANKS: Final = sorted(STOP_RANK.values())
_COLUMNS: Final[Any] = (
    CommandRow.machine_id,
    CommandRow.id,
    CommandRow.command,
    CommandRow.state,
    CommandRow.issued_at,
    CommandRow.changed_at,
)


class Told(NamedTuple):
    """A command: its id, its name, its state, when it was given and when it changed last."""

    id: str
    command: str
    state: str
    issued_at: int
    changed_at: int


class Attention(NamedTuple):
    """The open stop; the newest command; when the newest message of the last 24 h was refused."""

    open_stop: Told | None = None
    last_command: Told | None = None
    refused_at: int | None = None


async def attention(session: AsyncSession, machine_ids: Collection[int], *, now_ms: int) -> dict[int, Attention]:
    """Of each of these machines."""
    if not machine_ids:
        return {}
    newest, refused = await _newest(session, machine_ids, since_ms=now_ms - REFUSED_MS)
    stops = await _open_stops(session, machine_ids)
    last = await _told(session, newest) if newest else {}
    return {one: Attention(stops.get(one), last.get(one), refused.get(one)) for one in machine_ids}


async def _open_stops(session: AsyncSession, machine_ids: Collection[int]) -> dict[int, Told]:
    query = select(*_COLUMNS).where(CommandRow.machine_id.in_(machine_ids), CommandRow.holds.in_(_RANKS))
    return {machine_id: Told(*told) for machine_id, *told in (await session.execute(query)).all()}


@platform_wide("of commands that were found by their machines: by both, SQLite would look for each with each")
async def _told(session: AsyncSession, command_ids: Collection[str]) -> dict[int, Told]:
    query = select(*_COLUMNS).where(CommandRow.id.in_(command_ids))
    return {machine_id: Told(*told) for machine_id, *told in (await session.execute(query)).all()}


async def _newest(
    session: AsyncSession, machine_ids: Collection[int], *, since_ms: int
) -> tuple[list[str], dict[int, int]]:
    """Ids of the newest commands, and when machines' newest dead letters came."""
    # Neither max() nor MySQL's own choice of a key: either would read all of a machine's.
    command = (
        select(CommandRow.id)
        .where(CommandRow.machine_id == Machine.id)
        .with_hint(CommandRow, "FORCE INDEX (ix_command_machine_id_id)", "mysql")
        .order_by(CommandRow.id.desc())
        .limit(1)
        .correlate(Machine)
    )
    letter = (
        select(DeadLetter.received_at)
        .where(DeadLetter.machine_id == Machine.id, DeadLetter.received_at >= since_ms)
        .with_hint(DeadLetter, "FORCE INDEX (ix_dead_letter_machine_id_received_at)", "mysql")
        .order_by(DeadLetter.received_at.desc())
        .limit(1)
        .correlate(Machine)
    )
    query = select(Machine.id, command.scalar_subquery(), letter.scalar_subquery()).where(Machine.id.in_(machine_ids))
    rows = (await session.execute(query)).all()
    return (
        [command_id for _, command_id, _ in rows if command_id is not None],
        {machine_id: received_at for machine_id, _, received_at in rows if received_at is not None},
    )
