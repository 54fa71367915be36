"""How many start-like commands somebody may give in a minute. Stops are never counted and never refused."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.errors import SunsweepError
from sunsweep.server.features.commands import repository
from sunsweep.server.features.commands.wish import Giver

WINDOW_MS: Final = 60_000


class TooManyCommandsError(SunsweepError):
    """`retry_after_s` says when there is room again."""

    status = 429
    code = "too_many_commands"


async def require_room(session: AsyncSession, giver: Giver, *, per_minute: int, now_ms: int) -> None:
    """Raises `TooManyCommandsError` where the giver has given so many in the last minute; a bulk run counts once.

    Whoever uses the command line, who is neither a user nor a key, is not bounded. Requests of the very same moment do
    not see each other: on MySQL a few more may pass, as many as the process has connections.
    """
    if giver.user_id is None and giver.key_id is None:
        return
    since_ms = now_ms - WINDOW_MS
    given = await repository.starts_since(
        session, user_id=giver.user_id, key_id=giver.key_id, since_ms=since_ms, most=per_minute
    )
    if len(given) >= per_minute:
        # After a clock's step back they may lie in the future.
        wait_ms = min(given[-1] - since_ms, WINDOW_MS)
        raise TooManyCommandsError(
            f"at most {per_minute} commands a minute set machines in motion; stops are not counted",
            retry_after_s=-(-wait_ms // 1000),
        )
