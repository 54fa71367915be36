"""What becomes of a machine's commands when the machine is removed: nobody sends them any more, and nobody answers."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.events import CommandChange
from sunsweep.server.features.commands.lifecycle import State, change_all, let_go
from sunsweep.server.features.commands.standing_repository import awaited

GONE: Final = "the machine has been removed"


async def end_all(session: AsyncSession, machine_id: int, *, now_ms: int) -> list[CommandChange]:
    """None of them is awaited or open after this, or a bulk run would wait for ever; the machine's row is locked."""
    commands = await awaited(session, machine_id)
    queued = [held for held in commands if held.state is State.QUEUED]
    sent = [held for held in commands if held.state not in (State.QUEUED, State.UNCONFIRMED)]
    warnings = [held for held in commands if held.state is State.UNCONFIRMED]
    changed = [
        *await change_all(session, queued, State.CANCELLED, at_ms=now_ms, reason=GONE),
        *await change_all(session, sent, State.UNCONFIRMED, at_ms=now_ms, reason=GONE, holds=0),
        *await let_go(session, warnings, at_ms=now_ms, reason=GONE),
    ]
    return [change for _, change in changed]
