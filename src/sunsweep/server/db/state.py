"""Numbers of the whole platform, each a row of its own."""

from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from sunsweep.server.db.models import PlatformState

UNSETTLED: Final = "unsettled"
"""There while a database that was loaded from a backup still believes what was true then: when that was taken, ms.

0 as long as it is being loaded.
"""

_HELD: Final = select(PlatformState.value).where(PlatformState.name == bindparam("name")).with_for_update(read=True)
"""Made once, unlike the others: it is asked in every commit of the ingest."""


async def state_of(connection: AsyncConnection | AsyncSession, name: str) -> int:
    """A number, as it stands now."""
    return (await connection.execute(select(PlatformState.value).where(PlatformState.name == name))).scalar_one()


async def held_state_of(connection: AsyncConnection | AsyncSession, name: str) -> int:
    """A number that nobody changes before this transaction ends; others may hold it too."""
    return (await connection.execute(_HELD, {"name": name})).scalar_one()


async def taken_state_of(connection: AsyncConnection | AsyncSession, name: str) -> int:
    """A number that is this transaction's alone until it ends."""
    query = select(PlatformState.value).where(PlatformState.name == name).with_for_update()
    return (await connection.execute(query)).scalar_one()


async def set_state(connection: AsyncConnection | AsyncSession, name: str, value: int) -> None:
    """Change a number, once those who hold it have ended."""
    await connection.execute(update(PlatformState).where(PlatformState.name == name).values(value=value))


async def unsettled_since(connection: AsyncConnection | AsyncSession) -> int | None:
    """Of a database that was loaded from a backup, and nothing more: when that was taken (ms).

    0 of one that was not loaded to its end, None of any other.
    """
    query = select(PlatformState.value).where(PlatformState.name == UNSETTLED)
    return (await connection.execute(query)).scalar_one_or_none()
