"""One command for many machines in one transaction, by the same rules as for one."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.events import CommandChange
from sunsweep.server.features.commands.ending import GONE
from sunsweep.server.features.commands.giving import give_all
from sunsweep.server.features.commands.wish import Giver, Wish, check
from sunsweep.server.features.machines.repository import lock_all


class Given(NamedTuple):
    """By machine id, each machine either in `rows` or in `refused`."""

    rows: dict[int, CommandRow]
    refused: dict[int, str]
    """Why it was given nothing, in plain words."""
    changes: dict[int, list[CommandChange]]
    """What viewers are to be told once this is committed, in the order in which it happened."""


async def give_to_many(
    session: AsyncSession,
    machines: Sequence[Machine],
    wish: Wish,
    *,
    user_id: int | None,
    key_id: int | None,
    now_ms: int,
) -> Given:
    """Lock the machines' rows in the order of their ids, and give each the command or say why not.

    The statements are the same few for one machine and for a thousand. Raises `InvalidError` for what no machine could
    read; what the catalogue of some machines refuses stands in `refused`.
    """
    check(wish)
    locked = {machine.id: machine for machine in await lock_all(session, {machine.id for machine in machines})}
    refused = {machine.id: GONE for machine in machines if machine.id not in locked}
    given = await give_all(session, list(locked.values()), wish, Giver(user_id, key_id), now_ms=now_ms)
    refused |= {machine_id: error.detail for machine_id, error in given.refused.items()}
    return Given(given.rows, refused, given.changes)
