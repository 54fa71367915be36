"""Whether the local broker has taken every login so far."""

import asyncio
from typing import Final

from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.surroundings import Surroundings

TRIES: Final = 10
_PAUSE_S: Final = 0.5
_GONE_MS: Final = 60_000


async def has_followed(around: Surroundings) -> bool:
    """Gives it some seconds: on a busy computer its runner is slow, and looks as if away. EMQX has none."""
    for _ in range(TRIES):
        if await wait_applied(around.database, now_ms=around.now_ms):
            return True
        if not await has_runner(around):
            return False
        await asyncio.sleep(_PAUSE_S)
    return False


async def has_runner(around: Surroundings) -> bool:
    """Whether somebody kept a local broker's logins within the last minute."""
    async with around.database.read() as session:
        sync = await repository.broker_sync(session)
    return around.now_ms() - sync.runner_seen_at < _GONE_MS
