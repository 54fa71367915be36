"""New states of commands: many in one transaction, told to the viewers after it."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy.exc import OperationalError

from sunsweep.mqtt.port import Client
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import CommandRow
from sunsweep.server.dispatch import repository
from sunsweep.server.dispatch.repository import Item
from sunsweep.server.events import CommandChange, publish_change
from sunsweep.server.features.commands.lifecycle import MAY_FOLLOW, Changed, Held, State, change_all
from sunsweep.server.features.commands.service import back_to_queue

AT_ONCE: Final = 100
_DEADLOCK: Final = 1213


class Marks:
    """Writes what has become of commands. `client` tells the viewers; a lost word of it is lost."""

    def __init__(self, database: Database, client: Client, *, now_ms: Clock) -> None:
        self._database = database
        self._client = client
        self._now_ms = now_ms

    async def become(
        self, items: Collection[Item], state: State, *, reason: str | Callable[[Item], str] = "", **columns: Any
    ) -> set[str]:
        """Ids of those that moved; the others were in no state that this one may follow."""
        moved: set[str] = set()
        # In the order of the ids, as everybody changes many: else two of them deadlock.
        ordered = sorted(items, key=lambda item: item.row.id)
        for at in range(0, len(ordered), AT_ONCE):
            moved |= await self._become(ordered[at : at + AT_ONCE], state, reason, columns)
        return moved

    async def sent(self, items: Collection[Item], *, at_ms: int) -> None:
        """They were published; of some a machine's word was faster than this mark."""
        moved = await self.become(items, State.SENT, sent_at=at_ms, sends=CommandRow.sends + 1)
        await self.sent_again([item for item in items if item.row.id not in moved], at_ms=at_ms)

    async def sent_again(self, items: Collection[Item], *, at_ms: int) -> None:
        """Only when, and how often: their states stay."""
        if not items:
            return
        async with self._database.write() as session:
            await repository.note_sent(session, sorted(item.row.id for item in items), at_ms=at_ms)

    async def take_back(self, item: Item, reason: str) -> None:
        """A start that went out to nobody waits again, unless a stop has come meanwhile."""
        async with self._database.write() as session:
            done = await back_to_queue(session, item.machine, item.row.id, reason=reason, now_ms=self._now_ms())
        if done is not None:
            await self._tell([(item, done)])

    async def say_why(self, items: Sequence[Item], reason: str) -> None:
        """Say once why they still wait; of what has changed meanwhile, viewers know better."""
        news = [item for item in items if item.row.reason != reason]
        if not news:
            return
        async with self._database.write() as session:
            said = await repository.say_why(session, news, reason)
        at_ms = self._now_ms()
        await self._tell([(item, CommandChange(item.row.id, item.row.state, reason, at_ms)) for item in said])

    async def _become(
        self, items: Sequence[Item], state: State, reason: str | Callable[[Item], str], columns: dict[str, Any]
    ) -> set[str]:
        try:
            told = await self._become_once(items, state, reason, columns)
        except OperationalError as error:
            if not _is_deadlock(error):
                raise
            told = await self._become_once(items, state, reason, columns)
        await self._tell(told)
        return {item.row.id for item, _ in told}

    async def _become_once(
        self, items: Sequence[Item], state: State, reason: str | Callable[[Item], str], columns: dict[str, Any]
    ) -> list[tuple[Item, CommandChange]]:
        of_id = {item.row.id: item for item in items}
        by_reason: dict[str, list[Held]] = {}
        changed: Changed = []
        at_ms = self._now_ms()
        async with self._database.write() as session:
            for held in await repository.hold(session, of_id):
                if held.state in MAY_FOLLOW[state]:
                    words = reason if isinstance(reason, str) else reason(of_id[held.id])
                    by_reason.setdefault(words, []).append(held)
            for words, commands in by_reason.items():
                changed += await change_all(session, commands, state, at_ms=at_ms, reason=words, **columns)
        return [(of_id[done.id], done) for _, done in changed]

    async def _tell(self, told: Sequence[tuple[Item, CommandChange]]) -> None:
        for item, done in told:
            await publish_change(self._client, item.machine.company_id, item.machine.serial, done)


def _is_deadlock(error: OperationalError) -> bool:
    return bool(error.orig is not None and error.orig.args[:1] == (_DEADLOCK,))
