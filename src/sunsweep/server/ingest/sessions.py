"""The sessions that the ingest reads through, and what they subscribe to."""

from typing import Final

from sunsweep.contract.topics import FROM_MACHINE, all_machines, shared
from sunsweep.mqtt.port import Member, Subscription
from sunsweep.server.db.engine import Database
from sunsweep.server.db.seats import member_id
from sunsweep.server.db.state import state_of

SESSION_EXPIRY_S: Final = 86_400
RECEIVE_MAXIMUM: Final = 4000

_PLAIN: Final = tuple(all_machines(channel) for channel in FROM_MACHINE)
_SHARED: Final = tuple(shared(topic_filter) for topic_filter in _PLAIN)
ALL_FILTERS: Final = (*_PLAIN, *_SHARED)


def subscriptions(members: int) -> tuple[Subscription, ...]:
    """One member reads everything; several share it."""
    return tuple(map(Subscription, _PLAIN if members == 1 else _SHARED))


def other_filters(members: int) -> tuple[str, ...]:
    """What a session may still hold from another number of members."""
    return _SHARED if members == 1 else _PLAIN


async def stand_ins(database: Database, username: str, password: str) -> list[Member]:
    """The sessions for which the local broker's runner stands in after each start."""
    async with database.read() as session:
        members = await state_of(session, "ingest_members")
    return [
        Member(member_id(number), username, password, subscriptions(members), SESSION_EXPIRY_S)
        for number in range(members)
    ]
