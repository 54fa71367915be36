"""One round of sending: for many machines at once, and of each machine one command after another."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from sunsweep.contract.commands import is_stop_like
from sunsweep.mqtt.port import Published
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.dispatch import repository
from sunsweep.server.dispatch.marks import Marks
from sunsweep.server.dispatch.outgoing import Outgoing, Said, Unsent
from sunsweep.server.dispatch.readback import ReadBack
from sunsweep.server.dispatch.repository import Item, Target
from sunsweep.server.dispatch.timing import BROKER_AWAY, NOBODY_LISTENS, is_bare, is_over, may_be_here, urgency
from sunsweep.server.features.commands.lifecycle import State

NOT_PROVABLE: Final = "delivered; this machine does not answer, and no status proves this command"


class Round:
    """`may_send`: whether this process may publish; where not, nothing is begun.

    `cut_off`: whether only the broker is missing for that.
    """

    def __init__(
        self,
        database: Database,
        *,
        outgoing: Outgoing,
        marks: Marks,
        readback: ReadBack,
        may_send: Callable[[], bool],
        cut_off: Callable[[], bool],
        now_ms: Clock,
    ) -> None:
        self._database = database
        self._outgoing = outgoing
        self._marks = marks
        self._readback = readback
        self._may_send = may_send
        self._cut_off = cut_off
        self._now_ms = now_ms

    async def send(self, targets: Collection[Target]) -> set[Target]:
        """Send what they have queued; the machines that something still waits for.

        The most urgent command of each, then the next, looking anew each time: a stop may have come, or a person
        taken one back.
        """
        tried: set[str] = set()
        waiting: set[Target] = set()
        with self._readback.listening(targets, now_ms=self._now_ms()):
            while left := set(targets) - waiting:
                items = await self._queued(left, but=tried)
                if not items:
                    break
                if not self._may_send():
                    if self._cut_off():
                        await self._marks.say_why(items, BROKER_AWAY)
                    return waiting | {item.target for item in items}
                over, living = self._by_life(items)
                first = _most_urgent(living)
                tried.update(item.row.id for item in (*over, *first))
                deaf, stuck = await self._send_each(first)
                waiting |= deaf | stuck
                # After what is sent, and all at once: a machine that was away for long may have very many.
                await self._marks.become(over, State.EXPIRED, reason=Unsent.LATE)
                await self._marks.say_why([item for item in living if item.target in deaf], NOBODY_LISTENS)
        return waiting

    async def send_again(self, items: Collection[Item]) -> set[Target]:
        """Open stops once more, as they are; the machines that do not listen."""
        at_ms = self._now_ms()
        said = await self._outgoing.publish_all(items)
        nobody = [item for item, published in said if published is Published.NOBODY_LISTENS]
        delivered = [item for item, published in said if published is Published.DELIVERED]
        await self._marks.sent_again(delivered, at_ms=at_ms)
        await self._marks.say_why(nobody, NOBODY_LISTENS)
        return {item.target for item in nobody}

    async def _queued(self, targets: Collection[Target], *, but: set[str]) -> list[Item]:
        async with self._database.read() as session:
            return [item for item in await repository.queued(session, targets) if item.row.id not in but]

    def _by_life(self, items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
        """Those whose time is over, and the others."""
        now_ms = self._now_ms()
        over = [item for item in items if is_over(item.row, now_ms=now_ms)]
        return over, [item for item in items if not is_over(item.row, now_ms=now_ms)]

    async def _send_each(self, items: Sequence[Item]) -> tuple[set[Target], set[Target]]:
        """One command of each machine; the machines that do not listen, and those of which nobody knows."""
        now_ms = self._now_ms()
        away = [
            item for item in items if _is_bare_start(item) and not may_be_here(item.row, item.status, now_ms=now_ms)
        ]
        deaf = {item.target for item in away}
        out = await self._mark_bare_starts([item for item in items if item.target not in deaf], at_ms=now_ms)
        self._expect(out)
        said = await self._outgoing.publish_all(out)
        await self._settle(said, at_ms=now_ms)
        deaf |= {item.target for item, word in said if word is Published.NOBODY_LISTENS}
        return deaf, {item.target for item, word in said if word is None or isinstance(word, Unsent)}

    async def _mark_bare_starts(self, items: Sequence[Item], *, at_ms: int) -> list[Item]:
        """A bare machine cannot know a start again: it is marked before its one publish, which is counted after it."""
        starts = [item for item in items if _is_bare_start(item)]
        marked = await self._marks.become(starts, State.SENT, sent_at=at_ms)
        return [item for item in items if not _is_bare_start(item) or item.row.id in marked]

    def _expect(self, items: Collection[Item]) -> None:
        for item in items:
            if is_bare(item.status):
                self._readback.expect(item, now_ms=self._now_ms())

    async def _settle(self, said: Sequence[tuple[Item, Said]], *, at_ms: int) -> None:
        # Before the database, which may be away: else what the machine's status proves would be lost with the mark.
        self._note(said)
        delivered = [item for item, word in said if word is Published.DELIVERED]
        await self._marks.sent([item for item in delivered if not _is_bare_start(item)], at_ms=at_ms)
        await self._marks.sent_again([item for item in delivered if _is_bare_start(item)], at_ms=at_ms)
        for item, word in said:
            if word not in (Published.DELIVERED, None) and _is_bare_start(item):
                await self._marks.take_back(item, NOBODY_LISTENS if word is Published.NOBODY_LISTENS else str(word))
        late = [item for item, word in said if word is Unsent.LATE]
        await self._marks.become(late, State.EXPIRED, reason=Unsent.LATE)
        unknown = [item for item in delivered if is_bare(item.status) and not item.effects.knows(item.row.command)]
        await self._marks.become(unknown, State.UNCONFIRMED, reason=NOT_PROVABLE)

    def _note(self, said: Sequence[tuple[Item, Said]]) -> None:
        """Of what was published statuses tell from here on; of the rest nothing is expected."""
        for item, word in said:
            if word is Published.DELIVERED:
                self._readback.sent(item)
            else:
                self._readback.drop(item.target, item.row.id)


def _is_bare_start(item: Item) -> bool:
    return is_bare(item.status) and not is_stop_like(item.row.command)


def _most_urgent(items: Sequence[Item]) -> list[Item]:
    """One of each machine."""
    found: dict[Target, Item] = {}
    for item in sorted(items, key=lambda item: urgency(item.row)):
        found.setdefault(item.target, item)
    return list(found.values())
