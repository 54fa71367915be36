"""One batch, one transaction: history, state, results and dead letters together."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.contract.payloads import Result, Status, Telemetry
from sunsweep.contract.refusal import Reason
from sunsweep.contract.topics import Channel
from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.statements import Row, Statements
from sunsweep.server.events import CommandChange, PresenceChange
from sunsweep.server.features.commands.lifecycle import heard_result
from sunsweep.server.ingest import rows
from sunsweep.server.ingest.mark import mark_closed_hours
from sunsweep.server.ingest.messages import Accepted, Decoded, MachineRef, Rejected
from sunsweep.server.ingest.newest import STATE_EVERY_MS, Newest
from sunsweep.server.ingest.reject import Letters, NewLetters

_VALUE_ERRORS: Final = frozenset({1264, 1366, 1406})
"""MySQL: out of range, incorrect value, too long. Nothing else may reject a row."""


class StoreAwayError(Exception):
    """The database takes nothing now: keep everything, acknowledge nothing, come back."""


class Committed(NamedTuple):
    """What a commit brought: each message's outcome, how many were there already, and the news for viewers."""

    outcome: list[Decoded]
    duplicates: Counter[Channel]
    presence: list[PresenceChange]
    commands: list[tuple[MachineRef, CommandChange]]


class Store:
    """The ingest's only place that commits; `letters` says what becomes of refusals.

    A sample moves its machine's newest state at most once in `state_every_ms`; where that is 0, nothing waits.
    """

    def __init__(
        self,
        database: Database,
        *,
        now_ms: Clock,
        letters: Letters | None = None,
        state_every_ms: int = STATE_EVERY_MS,
    ) -> None:
        self._database = database
        self._statements = Statements(is_sqlite=database.is_sqlite)
        self._letters = letters or NewLetters(database)
        self._now_ms = now_ms
        self._newest = Newest(self._statements, now_ms=now_ms, every_ms=state_every_ms)

    @property
    def owes(self) -> bool:
        """Whether newest samples wait for their second to pass."""
        return self._newest.owes

    @property
    def deferred(self) -> int:
        """How many of them."""
        return self._newest.deferred

    def hurry(self) -> None:
        """Their second is over: newest samples that wait are due with the next commit."""
        self._newest.hurry()

    async def commit(self, batch: Sequence[Decoded]) -> Committed:
        """Store a batch; a value that the database refuses costs one dead letter. Raises `StoreAwayError`."""
        try:
            return await self._commit_once(batch)
        except DBAPIError as error:
            # Without a message it is none of a message's values.
            if not batch or not _is_value_error(error):
                raise StoreAwayError(str(error.orig)) from error
            if len(batch) == 1:
                return await self._reject_alone(batch[0], error)
        except OSError as error:
            raise StoreAwayError(str(error)) from error
        half = len(batch) // 2
        first, second = await self.commit(batch[:half]), await self.commit(batch[half:])
        return Committed(
            first.outcome + second.outcome,
            first.duplicates + second.duplicates,
            first.presence + second.presence,
            first.commands + second.commands,
        )

    async def _reject_alone(self, item: Decoded, error: DBAPIError) -> Committed:
        if isinstance(item, Rejected):
            raise StoreAwayError(f"a dead letter was refused: {error.orig}") from error
        stamp = item.body.stamp
        numbered = (stamp.boot, stamp.seq) if stamp.numbered else None
        return await self.commit([Rejected(item.message, item.machine, Reason.BAD_VALUE, str(error.orig), numbered)])

    async def _commit_once(self, batch: Sequence[Decoded]) -> Committed:
        accepted = [item for item in batch if type(item) is Accepted]
        rejected = [item for item in batch if type(item) is Rejected]
        due, later = self._newest.due(accepted)
        insert = self._statements.insert_new
        async with self._database.transaction() as connection:
            samples = [rows.telemetry(a, a.body) for a in accepted if type(a.body) is Telemetry]
            results = [(a, a.body) for a in accepted if type(a.body) is Result]
            new_samples = await insert(connection, rows.TELEMETRY, samples)
            presence, changes = await self._newest.fold(connection, due)
            statuses = [(a, a.body) for a in changes if isinstance(a.body, Status)]
            events = [rows.status_event(a, body) for a, body in statuses]
            words = [rows.result(a, body) for a, body in results]
            new_events = await insert(connection, rows.STATUS_EVENTS, events)
            await insert(connection, rows.LOSSES, [row for a, body in statuses for row in rows.losses(a, body)])
            await insert(connection, rows.ENDS, [row for a, body in statuses for row in rows.ends(a, body)])
            new_words = await insert(connection, rows.RESULTS, words)
            commands = await self._commands(connection, results)
            without_bytes = await self._letters.settle(connection, accepted, rejected)
            history: list[Row] = samples + events + words
            await mark_closed_hours(connection, self._statements, history, rejected)
        self._newest.settle(due, later)
        metrics.WITHOUT_BYTES.inc(without_bytes)
        duplicates = Counter(
            {
                Channel.TELEMETRY: len(samples) - new_samples,
                Channel.STATUS: len(events) - new_events,
                Channel.RESULT: len(words) - new_words,
            }
        )
        return Committed(list(batch), duplicates, presence, commands)

    async def _commands(
        self, connection: AsyncConnection, results: Sequence[tuple[Accepted, Result]]
    ) -> list[tuple[MachineRef, CommandChange]]:
        """What the machines' own words make of their commands; in the order of these, or many deadlock with a stop."""
        return [
            (item.machine, change)
            for item, body in sorted(results, key=lambda word: word[1].id)
            if (change := await heard_result(connection, item.machine.id, body, at_ms=self._now_ms())) is not None
        ]


def _is_value_error(error: DBAPIError) -> bool:
    arguments: tuple[object, ...] = getattr(error.orig, "args", ())
    return bool(arguments) and arguments[0] in _VALUE_ERRORS
