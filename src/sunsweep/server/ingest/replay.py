"""Dead letters fed in again, after a fix: the same decoding, the same store."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.contract.refusal import Reason
from sunsweep.mqtt.port import Message
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.models import DeadLetter
from sunsweep.server.db.statements import Statements
from sunsweep.server.features.deadletters import repository
from sunsweep.server.features.deadletters.repository import Selection, Verdict
from sunsweep.server.ingest.decode import RowNumbers, decode
from sunsweep.server.ingest.mark import mark_closed_hours
from sunsweep.server.ingest.messages import Accepted, Decoded, Rejected
from sunsweep.server.ingest.registry import Known, Registry
from sunsweep.server.ingest.store import Committed, Store, StoreAwayError

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 5.0
AT_ONCE: Final = 500
MAX_BYTES: Final = 4 * 2**20
ASKED: Final = Selection(everybody=True, asked=True)

Done = Callable[[Committed], Awaitable[None]]


class Replayed(NamedTuple):
    """What became of dead letters: stored, refused again, or without the bytes that it takes."""

    stored: int
    refused: int
    without_bytes: int


class TakenError(Exception):
    """Another has fed in some of the same letters meanwhile."""


class OldLetters:
    """Of letters fed in again: a stored one is none any more, a refused one stays, with its new reason."""

    def __init__(self, database: Database) -> None:
        self._statements = Statements(is_sqlite=database.is_sqlite)
        self.at_hand: Mapping[int, DeadLetter] = {}

    async def settle(
        self, connection: AsyncConnection, accepted: Sequence[Accepted], rejected: Sequence[Rejected]
    ) -> int:
        """Raises `TakenError`, and then nothing of the transaction may stay."""
        stored = [_letter_id(item) for item in accepted]
        if stored and await repository.remove(connection, stored) != len(stored):
            raise TakenError
        verdicts = [self._verdict(item) for item in rejected]
        changed = [verdict for verdict in verdicts if verdict != _known_verdict(self.at_hand[verdict.letter_id])]
        if changed:
            await repository.refused_again(connection, changed)
        if verdicts:
            await repository.answered(connection, [verdict.letter_id for verdict in verdicts])
        # The ledger counts a refusal in the hour of its receipt, by its reason.
        told = [self.at_hand[letter_id] for letter_id in (*stored, *(verdict.letter_id for verdict in changed))]
        hours = [(letter.machine_id, letter.received_at) for letter in told if letter.machine_id and letter.boot]
        await mark_closed_hours(connection, self._statements, hours, ())
        return 0

    def _verdict(self, item: Rejected) -> Verdict:
        """What is not known any more stays as it was."""
        letter = self.at_hand[_letter_id(item)]
        owner = (item.machine.company_id, item.machine.id) if item.machine else (letter.company_id, letter.machine_id)
        number = item.numbered or (letter.boot, letter.seq)
        return Verdict(letter.id, *owner, *number, str(item.reason), item.detail[:255])


async def replay(
    database: Database, which: Selection, *, retention_days: int, now_ms: Clock, done: Done | None = None
) -> Replayed:
    """Feed in those that have their bytes, batch by batch; `done` hears of each. Raises `StoreAwayError`.

    Killed at any time and begun again, it goes on: a letter is removed in the commit that stores its message.
    """
    registry = Registry(database, retention_days=retention_days, now_ms=now_ms)
    letters, numbers = OldLetters(database), RowNumbers(random.getrandbits(10))
    # Nothing may wait for its second: whoever ends this keeps nothing in memory.
    store = Store(database, letters=letters, now_ms=now_ms, state_every_ms=0)
    stored = refused = after = 0
    while batch := await _next(database, which, after):
        letters.at_hand = {letter.id: letter for letter in batch}
        known = await registry.of([letter.topic for letter in batch])
        now = now_ms()
        decoded = [_decode(letter, of, numbers, now) for letter, of in zip(batch, known, strict=True)]
        try:
            committed = await store.commit(decoded)
        except TakenError:
            continue
        again = sum(isinstance(item, Rejected) for item in committed.outcome)
        stored, refused, after = stored + len(batch) - again, refused + again, batch[-1].id
        if done is not None:
            await done(committed)
    async with database.read() as session:
        return Replayed(stored, refused, await repository.without_bytes(session, which))


async def replay_asked_for_ever(database: Database, *, retention_days: int, now_ms: Clock, done: Done) -> None:
    """Feed in what people ask for, whichever worker sees it first."""
    while True:
        try:
            told = await replay(database, ASKED, retention_days=retention_days, now_ms=now_ms, done=done)
            if told.stored or told.refused:
                log.info("dead letters fed in again", stored=told.stored, refused=told.refused)
        except (StoreAwayError, *DATABASE_AWAY) as error:
            log.debug("dead letters wait: the database takes nothing", error=str(error))
        await asyncio.sleep(LOOK_EVERY_S)


async def _next(database: Database, which: Selection, after: int) -> Sequence[DeadLetter]:
    async with database.read() as session:
        return await repository.next_with_bytes(session, which, after=after, limit=AT_ONCE, max_bytes=MAX_BYTES)


def _decode(letter: DeadLetter, known: Known, numbers: RowNumbers, now_ms: int) -> Decoded:
    """Judged by the present clock; a message without a date is of the time when it came."""
    # A letter's id stands where a delivery has its packet id: what acknowledges it is its removal.
    message = Message(letter.topic, letter.payload or b"", 0, False, letter.id, 0, letter.received_at)
    item = decode(replace(message, received_ms=now_ms), known, numbers)
    if isinstance(item, Rejected):
        return item._replace(message=message)
    if item.body.stamp.ts_ms is not None:
        return replace(item, message=message, order_ms=min(item.ts_ms, letter.received_at))
    if now_ms - letter.received_at > item.machine.retention_ms:
        return Rejected(message, item.machine, Reason.TOO_LATE, "it came before what is kept", None)
    return replace(item, message=message, ts_ms=letter.received_at, order_ms=letter.received_at)


def _known_verdict(letter: DeadLetter) -> Verdict:
    return Verdict(
        letter.id, letter.company_id, letter.machine_id, letter.boot, letter.seq, letter.reason, letter.detail
    )


def _letter_id(item: Decoded) -> int:
    return item.message.packet_id or 0
