"""A process's share of the ingest: takes members as they are free, gives up what is more than its share."""

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import structlog

from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.clock import Clock, wall_clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.seats import Seat, Seats, SeatTable
from sunsweep.server.ingest.member import Member
from sunsweep.server.ingest.pipeline import Ingest
from sunsweep.server.ingest.reject import PER_DAY
from sunsweep.server.ingest.shares import decide

log = structlog.get_logger(__name__)


class Pace(NamedTuple):
    """How fast members change hands; `settle_s` without a message, and a session counts as drained."""

    lease_ms: int = 4000
    beat_s: float = 1.0
    adopt_after_ms: int = 60_000
    settle_s: float = 2.0


class Worker:
    """Runs members under leases, which it renews each second.

    While the database is away nobody can renew, and nobody can take: it keeps what it has. Back again, it steps down
    from what the rows say is another's.
    """

    def __init__(
        self,
        database: Database,
        connection: Callable[[int], ConnectionSettings],
        *,
        retention_days: int,
        dead_letters_per_day: int = PER_DAY,
        now_ms: Clock = wall_clock,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._connection = connection
        self._retention_days = retention_days
        self._dead_letters_per_day = dead_letters_per_day
        self._now_ms = now_ms
        self._pace = pace or Pace()
        self._name = secrets.token_hex(8)
        self._seats = Seats(database, worker=self._name, lease_ms=self._pace.lease_ms, now_ms=now_ms)
        self._members: dict[int, Member] = {}
        self._tasks = asyncio.TaskGroup()
        self._stands_by = False
        self._wanted = 1

    @property
    def members(self) -> frozenset[int]:
        """The numbers of what this worker reads through now."""
        return frozenset(self._members)

    async def run(self) -> None:
        """Until cancelled; then every member is drained, and free for others."""
        try:
            async with self._tasks:
                while True:
                    await self._beat()
                    await asyncio.sleep(self._pace.beat_s)
        finally:
            await self._leave()

    async def _beat(self) -> None:
        try:
            await self._seats.renew(self._members)
            table = await self._seats.table()
            self._follow(table)
            await self._change(table)
        except DATABASE_AWAY as error:
            log.debug("the members' leases could not be renewed", error=str(error))

    def _follow(self, table: SeatTable) -> None:
        for number, member in self._members.items():
            if table.seats.get(number, Seat("", 0)).holder != self._name and not member.leaving:
                log.warning("another worker has taken over while this one was held up", member=number)
                member.step_down()
            member.follow(table.members)
        if table.members > 1 and table.members != self._wanted:
            log.warning(
                "several members are for a broker whose shared subscriptions survive its restart: EMQX, not mosquitto",
                members=table.members,
            )
        self._wanted = table.members

    async def _change(self, table: SeatTable) -> None:
        for number in range(table.members):
            if number not in table.seats:
                table.seats[number] = await self._seats.open(number)
        now_ms, patience_ms = self._now_ms(), self._pace.adopt_after_ms
        take, give = decide(table, self._name, self._members, now_ms=now_ms, adopt_after_ms=patience_ms)
        if take is not None and await self._seats.take(take, table.seats[take]):
            self._begin(take)
        elif give is not None and not any(member.leaving for member in self._members.values()):
            log.info("a member is handed over to a worker that has none", member=give)
            self._members[give].hand_over()
        if not self._members and not self._stands_by:
            log.info("stands by: every member is held", members=table.members)
        self._stands_by = not self._members
        if table.has_dead:
            await self._seats.forget_the_dead()

    def _begin(self, number: int) -> None:
        connection = self._connection(number)
        ingest = Ingest(
            self._database,
            connection,
            retention_days=self._retention_days,
            dead_letters_per_day=self._dead_letters_per_day,
            now_ms=self._now_ms,
            number=number,
            members=self._wanted,
            gate=partial(self._seats.until_mine, number),
        )
        settle_s = self._pace.settle_s
        member = Member(ingest, connection, number=number, members=self._wanted, settle_s=settle_s)
        member.follow(self._wanted)
        self._members[number] = member
        log.info("a member is taken", member=number)
        self._tasks.create_task(self._sit(member), name=f"member-{number}")

    async def _sit(self, member: Member) -> None:
        """Until it is left; then its seat is free, or gone with its session."""
        leave = self._seats.release
        try:
            await member.run()
            leave = self._seats.remove
        finally:
            del self._members[member.number]
            try:
                await leave(member.number)
            except DATABASE_AWAY as error:
                log.debug("the member's lease lapses by itself", member=member.number, error=str(error))

    async def _leave(self) -> None:
        try:
            await self._seats.leave()
        except DATABASE_AWAY as error:
            log.debug("the worker's leases lapse by themselves", error=str(error))
