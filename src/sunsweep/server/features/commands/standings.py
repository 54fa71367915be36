"""How machines stand: what of their stops is open or in force."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.features.commands import standing_repository as repository
from sunsweep.server.features.commands.rules import Standing, says_it_is_over
from sunsweep.server.features.commands.standing_repository import Last


async def standings(session: AsyncSession, machine_ids: Collection[int]) -> dict[int, Standing]:
    """Of each of these machines, in three queries at most. It holds while the caller has their rows locked."""
    found, _ = await standings_and_last(session, machine_ids)
    return found


async def standings_and_last(
    session: AsyncSession, machine_ids: Collection[int]
) -> tuple[dict[int, Standing], dict[int, Last]]:
    """The same, with the newest command of each machine, after which a next one's id is drawn."""
    # In this order: an emergency stop that is confirmed meanwhile is then seen as open, as in force, or as both.
    ranks = await repository.open_ranks(session, machine_ids)
    last = await repository.last(session, machine_ids)
    emergencies = await _in_emergency(session, last)
    return {
        machine_id: Standing(ranks.get(machine_id, 0), machine_id in emergencies) for machine_id in machine_ids
    }, last


async def _in_emergency(session: AsyncSession, last: dict[int, Last]) -> set[int]:
    """The machines whose newest confirmed emergency stop nothing has led out of."""
    stops = {
        machine_id: found.emergency
        for machine_id, found in last.items()
        if found.emergency is not None and (found.reset is None or found.reset < found.emergency)
    }
    if not stops:
        return set()
    return {
        stop.machine_id
        for stop in await repository.confirmed(session, stops.keys(), stops.values())
        if not says_it_is_over(stop.said, confirmed_ms=stop.at_ms)
    }
