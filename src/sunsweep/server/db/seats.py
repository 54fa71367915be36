"""Who reads through which of the ingest's sessions at the broker.

A member is a named session, `ingest-0`, `ingest-1` and so on, and its lease a row of that name. A worker is a process
that reads through members; it has a row too, so that the others can reckon their shares. Every statement is a short
transaction on the worker's own rows: a process that is stopped between two of them holds nobody up.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import structlog
from sqlalchemy import case, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.models import Lease
from sunsweep.server.db.standstill import Standstill
from sunsweep.server.db.state import state_of

log = structlog.get_logger(__name__)

_MEMBER: Final = "ingest-"
_WORKER: Final = "ingest-worker-"
_FORGET_MS: Final = 60_000
_ANSWER_WITHIN_S: Final = 3.0
"""Less than a lease; and the network of a server may have been cut. A file has its own limit."""
_ASK_AGAIN_S: Final = 0.5

UNHELD_MS: Final = 15_000
"""A member that nobody has held for so long is told of; until then somebody may just be taking over."""


class Seat(NamedTuple):
    """A member's lease."""

    holder: str
    expires_at: int


class SeatTable(NamedTuple):
    """How many members there are to be, every member that is known, and the workers that live."""

    members: int
    seats: dict[int, Seat]
    workers: frozenset[str]
    has_dead: bool
    """Whether rows of workers are left that ended without a word."""
    abandoned_ms: Mapping[int, int] = {}
    """Of members whose lease reaches into the future and is not renewed: for how long they have been nobody's."""

    def unheld_ms(self, number: int, now_ms: int) -> int | None:
        """How long nobody has held a member; None while somebody does. One that nobody ever held: since 1970."""
        seat = self.seats.get(number)
        lapsed_ms = now_ms - (seat.expires_at if seat is not None else 0)
        return lapsed_ms if lapsed_ms >= 0 else self.abandoned_ms.get(number)

    def unheld(self, now_ms: int) -> dict[int, int]:
        """The members nobody holds, and for how long; those that are not wanted any more are still to be drained."""
        known = set(range(self.members)) | self.seats.keys()
        return {number: ms for number in sorted(known) if (ms := self.unheld_ms(number, now_ms)) is not None}


def member_id(number: int) -> str:
    """The name of a member: of its lease, and its clientid at the broker."""
    return f"{_MEMBER}{number}"


async def seat_table(session: AsyncSession, *, now_ms: int) -> SeatTable:
    """As it stands now."""
    members = await state_of(session, "ingest_members")
    query = select(Lease.name, Lease.holder, Lease.expires_at).where(Lease.name.startswith(_MEMBER))
    rows = (await session.execute(query)).all()
    seats = {int(row.name.removeprefix(_MEMBER)): Seat(row.holder, row.expires_at) for row in rows if _is_member(row)}
    workers = [row for row in rows if not _is_member(row)]
    living = frozenset(row.holder for row in workers if row.expires_at > now_ms)
    return SeatTable(members, seats, living, any(row.expires_at < now_ms - _FORGET_MS for row in workers))


class Seats:
    """The leases of one worker."""

    def __init__(self, database: Database, *, worker: str, lease_ms: int, now_ms: Clock) -> None:
        self._database = database
        self._worker = worker
        self._lease_ms = lease_ms
        self._now_ms = now_ms
        self._standstill = Standstill(after_ms=lease_ms)

    async def renew(self, held: Collection[int]) -> None:
        """Say that this worker lives, and keep what is still in its name, lapsed or not."""
        now_ms = self._now_ms()
        until = now_ms + self._lease_ms
        own = f"{_WORKER}{self._worker}"
        async with self._write() as session:
            known = await session.execute(update(Lease).where(Lease.name == own).values(expires_at=until))
            if not known.rowcount:  # type: ignore[attr-defined]  # SQLAlchemy types the base
                session.add(Lease(name=own, holder=self._worker, expires_at=until, since=now_ms))
            # The database may have kept us waiting.
            now_ms = self._now_ms()
            until = now_ms + self._lease_ms
            for number in sorted(held):
                await session.execute(
                    update(Lease)
                    .where(Lease.name == member_id(number), Lease.holder == self._worker)
                    # In this order: MySQL reads the new value of a column that stands further left.
                    .ordered_values(
                        (Lease.since, case((Lease.expires_at <= now_ms, now_ms), else_=Lease.since)),
                        (Lease.expires_at, until),
                    )
                )

    async def table(self) -> SeatTable:
        async with self._database.read(within_s=self._within_s) as session:
            table = await seat_table(session, now_ms=self._now_ms())
        return table._replace(abandoned_ms=self._abandoned(table.seats))

    def _abandoned(self, seats: Mapping[int, Seat]) -> dict[int, int]:
        now_ms = self._now_ms()
        over = {number: self._standstill.over_ms(number, seat.expires_at, now_ms) for number, seat in seats.items()}
        return {number: ms for number, ms in over.items() if ms >= 0}

    async def open(self, number: int) -> Seat:
        """Make a member known that nobody holds yet."""
        free = Seat("", self._now_ms())
        try:
            async with self._write() as session:
                session.add(Lease(name=member_id(number), holder=free.holder, expires_at=free.expires_at))
        except IntegrityError:
            log.debug("another worker was first", member=number)
        return free

    async def take(self, number: int, seen: Seat) -> bool:
        """Take a lapsed member, unless another worker was faster."""
        now_ms = self._now_ms()
        async with self._write() as session:
            taken = await session.execute(
                update(Lease)
                .where(Lease.name == member_id(number), Lease.holder == seen.holder)
                .where(Lease.expires_at == seen.expires_at)
                .values(holder=self._worker, expires_at=now_ms + self._lease_ms, since=now_ms)
            )
        return bool(taken.rowcount)  # type: ignore[attr-defined]  # SQLAlchemy types the base

    async def is_mine(self, number: int) -> bool:
        async with self._database.read(within_s=self._within_s) as session:
            return await session.scalar(select(Lease.holder).where(Lease.name == member_id(number))) == self._worker

    async def until_mine(self, number: int) -> None:
        """Return once the database says so; while it cannot be asked, nobody may begin to read."""
        while True:
            try:
                if await self.is_mine(number):
                    return
            except DATABASE_AWAY as error:
                log.debug("whose the member is cannot be asked", member=number, error=str(error))
            await asyncio.sleep(_ASK_AGAIN_S)

    async def release(self, number: int) -> None:
        """Somebody else may have it."""
        free = update(Lease).where(Lease.name == member_id(number), Lease.holder == self._worker)
        async with self._write() as session:
            await session.execute(free.values(holder="", expires_at=self._now_ms()))

    async def remove(self, number: int) -> None:
        """Its session has been ended: there is nothing to hold any more."""
        async with self._write() as session:
            await session.execute(delete(Lease).where(Lease.name == member_id(number), Lease.holder == self._worker))

    async def leave(self) -> None:
        """The worker ends: everything it held is free."""
        mine = (Lease.holder == self._worker, Lease.name.startswith(_MEMBER))
        async with self._write() as session:
            await session.execute(delete(Lease).where(Lease.name == f"{_WORKER}{self._worker}"))
            await session.execute(update(Lease).where(*mine).values(holder="", expires_at=self._now_ms()))

    async def forget_the_dead(self) -> None:
        """Rows of workers that ended without a word."""
        dead = Lease.expires_at < self._now_ms() - _FORGET_MS
        async with self._write() as session:
            await session.execute(delete(Lease).where(Lease.name.startswith(_WORKER), dead))

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncSession]:
        async with self._database.write(within_s=self._within_s) as session:
            yield session

    @property
    def _within_s(self) -> float | None:
        return None if self._database.is_sqlite else _ANSWER_WITHIN_S


def _is_member(row: object) -> bool:
    name: str = getattr(row, "name", "")
    return name.removeprefix(_MEMBER).isdecimal()
