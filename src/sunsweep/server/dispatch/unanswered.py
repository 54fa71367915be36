"""What was sent and is not answered: stops go out again, statuses prove, and silence is told."""

from typing import Final

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.dispatch import repository
from sunsweep.server.dispatch.marks import Marks
from sunsweep.server.dispatch.readback import ReadBack
from sunsweep.server.dispatch.repository import Target
from sunsweep.server.dispatch.round import Round
from sunsweep.server.dispatch.timing import (
    ANSWER_WITHIN_MS,
    ENOUGH_SENDS,
    NEXT_WORD_WITHIN_MS,
    STOP_ENDS_WITHIN_MS,
    is_due_again,
)
from sunsweep.server.features.commands.lifecycle import State

NOTHING_SAID: Final = "sent, and nothing that the machine has said since proves that it was done"
NOT_ENDED: Final = "begun, and the machine has not said how it ended"
DEAF_FOR_MS: Final = 5_000
"""A machine that is online and does not listen is tried so often, and at its next word."""


class Unanswered:
    """Called under the lease."""

    def __init__(self, database: Database, round_: Round, marks: Marks, readback: ReadBack, *, now_ms: Clock) -> None:
        self._database = database
        self._round = round_
        self._marks = marks
        self._readback = readback
        self._now_ms = now_ms
        self._deaf: dict[Target, int] = {}

    def heard(self, target: Target) -> bool:
        """Whether this machine, which has just spoken, did not listen when last tried; it is tried again."""
        return self._deaf.pop(target, None) is not None

    async def send_again(self) -> None:
        """Open stops that are due."""
        await self._adopt()
        async with self._database.read() as session:
            stops = await repository.open_stops(session, enough=ENOUGH_SENDS)
        now_ms = self._now_ms()
        self._deaf = {target: at_ms for target, at_ms in self._deaf.items() if 0 <= now_ms - at_ms < DEAF_FOR_MS}
        due = [
            item
            for item in stops
            if item.target not in self._deaf and is_due_again(item.row, item.status, now_ms=now_ms)
        ]
        if due:
            self._deaf.update(dict.fromkeys(await self._round.send_again(due), now_ms))

    async def _adopt(self) -> None:
        """What another process has sent, or this one before it was started again, is proved here from now on."""
        async with self._database.read() as session:
            starts, stops = await repository.provable(session)
            new = sorted((starts | stops) - self._readback.awaited)[: repository.LIMIT]
            items = await repository.these(session, new) if new else []
        now_ms = self._now_ms()
        self._readback.forget(stops, now_ms=now_ms)
        for item in items:
            self._readback.adopt(item, now_ms=now_ms)

    async def confirm(self) -> None:
        """Statuses have proved something."""
        proofs = {proof.command_id: proof for proof in self._readback.proofs()}
        async with self._database.read() as session:
            items = await repository.these(session, proofs)
        await self._marks.become(items, State.SUCCEEDED, reason=lambda item: proofs[item.row.id].reason)

    async def tell(self) -> None:
        """Say of what was sent, or begun, that nothing has come for too long."""
        now_ms = self._now_ms()
        async with self._database.read() as session:
            sent = await repository.silent(session, (State.SENT,), before_ms=now_ms - ANSWER_WITHIN_MS)
            begun = await repository.silent(
                session,
                (State.ACCEPTED, State.RUNNING),
                before_ms=now_ms - NEXT_WORD_WITHIN_MS,
                stops_before_ms=now_ms - STOP_ENDS_WITHIN_MS,
            )
        await self._marks.become(sent, State.UNCONFIRMED, reason=NOTHING_SAID)
        await self._marks.become(begun, State.UNCONFIRMED, reason=NOT_ENDED)
