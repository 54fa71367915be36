"""Waiting for what becomes of a command: looks now and then, and holds nothing meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Query

from sunsweep.contract.commands import ENDED
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.models import CommandRow
from sunsweep.server.features.commands import repository
from sunsweep.server.features.commands.lifecycle import State

MAX_WAIT_S: Final = 60
FIRST_LOOK_S: Final = 0.05
LAST_LOOK_S: Final = 0.5
_SLOWER: Final = 1.4
_KNOWN: Final = ENDED | {State.UNCONFIRMED}

Wait = Annotated[
    str | None,
    Query(
        pattern=r"^([0-9]|[1-5][0-9]|60)s?$",
        description=f"wait for the outcome for so many seconds, as `10s` or `10`, {MAX_WAIT_S} at most",
        examples=["10s"],
    ),
]


def seconds(wait: str | None) -> int:
    """Of `Wait`."""
    return int(wait.removesuffix("s")) if wait else 0


def is_known(row: CommandRow) -> bool:
    """Whether it has ended, or is unconfirmed."""
    return row.state in _KNOWN


async def outcome(
    database: Database, row: CommandRow, *, within_s: float, gone: Callable[[], Awaitable[bool]]
) -> CommandRow:
    """The command as it is once its outcome is known, the time is over, or the caller has `gone`."""
    loop = asyncio.get_running_loop()
    until, look_s = loop.time() + within_s, FIRST_LOOK_S
    while not is_known(row) and (left_s := until - loop.time()) > 0 and not await gone():
        await asyncio.sleep(min(look_s, left_s))
        look_s = min(look_s * _SLOWER, LAST_LOOK_S)
        row = await _now(database, row)
    return row


async def _now(database: Database, row: CommandRow) -> CommandRow:
    """As the database has it; as it was while the database is away, for the order is given all the same."""
    try:
        async with database.read() as unit:
            return await repository.by_id(unit, row.machine_id, row.id) or row
    except DATABASE_AWAY:
        return row
