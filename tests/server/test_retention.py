"""Raw rows go when their time is over, and nothing that was counted from them changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError

from sunsweep.contract.payloads import Result, ResultState, Stamp, Status
from sunsweep.contract.refusal import Reason
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import (
    CommandResult,
    Company,
    DeadLetter,
    LedgerDay,
    Machine,
    StatusEvent,
    TelemetryDay,
    TelemetryRow,
)
from sunsweep.server.db.partitions import Partition, partitions
from sunsweep.server.ingest.messages import Accepted, MachineRef, Rejected
from sunsweep.server.ingest.store import Store
from sunsweep.server.jobs.close import Closing
from sunsweep.server.jobs.partition import WEEK_MS, make_partitions_ahead
from sunsweep.server.jobs.retain import Retention
from tests.support.history import DAY_MS, HOUR_MS, MONDAY_MS, Time, add_machines, begin_at, machine, sample

RETENTION_DAYS = 14
SHORT, PLATFORM = machine(1), machine(2, company_id=2)


@pytest.fixture
async def database(database: Database) -> Database:
    """Company 1 wants its raw rows to go after 3 days, company 2 leaves it to the platform."""
    await add_machines(database, 1, 1, retention_days=3)
    await add_machines(database, 2, 2, retention_days=400)
    await begin_at(database, MONDAY_MS)
    return database


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(database: Database, time: Time) -> Store:
    return Store(database, now_ms=time)


@pytest.fixture
def closing(database: Database, time: Time) -> Closing:
    return Closing(database, now_ms=time, pause_s=0)


@pytest.fixture
def retention(database: Database, time: Time) -> Retention:
    return Retention(database, retention_days=RETENTION_DAYS, now_ms=time, pause_s=0)


def everything(of: MachineRef, day: int) -> list[Accepted | Rejected]:
    """A sample, a change of state, a result and a refusal at noon of a day."""
    first = at_noon(of, day)
    ts, seq = first.ts_ms, first.seq
    status = Status(f"day {day}", stamp=Stamp(ts, 7, seq + 1))
    result = Result("01890a5d-ac96-774b-bcce-b302099a8057", ResultState.RUNNING, stamp=Stamp(ts, 7, seq + 2))
    return [
        first,
        replace(first, body=status, seq=seq + 1),
        replace(first, body=result, seq=seq + 2),
        Rejected(first.message, of, Reason.CLOCK_AHEAD, "", (7, seq + 3)),
    ]


def at_noon(of: MachineRef, day: int) -> Accepted:
    return sample(MONDAY_MS + day * DAY_MS + DAY_MS // 2, day * 10 + 1, of=of, battery=day)


async def fill(store: Store, days: int) -> None:
    for day in range(days):
        for of in (SHORT, PLATFORM):
            # One by one: two states of one commit are one event.
            await store.commit(everything(of, day))


async def raw_days(database: Database, of: MachineRef) -> list[list[int]]:
    """Which days there are raw rows of: samples, events, results, letters."""
    found = []
    async with database.read() as session:
        for row, at in (
            (TelemetryRow, TelemetryRow.ts), (StatusEvent, StatusEvent.ts), (CommandResult, CommandResult.ts),
            (DeadLetter, DeadLetter.received_at),
        ):  # fmt: skip
            instants = (await session.scalars(select(at).where(row.machine_id == of.id).order_by(at))).all()
            found.append([(instant - MONDAY_MS) // DAY_MS for instant in instants])
    return found


async def counted(database: Database, of: MachineRef) -> list[tuple[int, int, Any]]:
    """Day, samples, stored ranges, as roll-ups and ledger say."""
    days = (
        select(TelemetryDay.start, TelemetryDay.count, LedgerDay.stored)
        .join(LedgerDay, (LedgerDay.machine_id == TelemetryDay.machine_id) & (LedgerDay.day == TelemetryDay.start))
        .where(TelemetryDay.machine_id == of.id)
        .order_by(TelemetryDay.start)
    )
    async with database.read() as session:
        return [((row[0] - MONDAY_MS) // DAY_MS, row[1], row[2]) for row in await session.execute(days)]


async def raw_since(database: Database) -> list[int]:
    async with database.read() as session:
        found = (await session.scalars(select(Company.raw_since).order_by(Company.id))).all()
    return [(instant - MONDAY_MS) // DAY_MS for instant in found]


async def test_whole_days_go_a_day_after_their_bound_and_what_was_counted_stays(
    database: Database, store: Store, closing: Closing, retention: Retention, time: Time
) -> None:
    await make_partitions_ahead(database, now_ms=time)
    await fill(store, 10)
    time.ms = MONDAY_MS + 10 * DAY_MS + HOUR_MS
    await closing.run()
    before = [await counted(database, of) for of in (SHORT, PLATFORM)]
    await retention.run()
    assert await raw_days(database, SHORT) == [[6, 7, 8, 9]] * 4
    assert await raw_days(database, PLATFORM) == [list(range(10))] * 4
    # A sample that was held up for days, of a day that is gone: the next round takes it.
    late = at_noon(SHORT, 2)
    await store.commit([replace(late, ts_ms=late.ts_ms + 1, seq=99)])
    await closing.run()
    await retention.run()
    assert await raw_days(database, SHORT) == [[6, 7, 8, 9]] * 4
    assert [await counted(database, of) for of in (SHORT, PLATFORM)] == before
    assert [len(days) for days in before] == [10, 10]


async def test_the_platform_forgets_too(
    database: Database, store: Store, closing: Closing, retention: Retention, time: Time
) -> None:
    """On MariaDB when a week is over, everywhere else day by day."""
    await make_partitions_ahead(database, now_ms=time)
    await fill(store, 10)
    async with database.write() as session:
        (await session.get_one(Machine, 2)).archived_at = MONDAY_MS
    time.ms = MONDAY_MS + (RETENTION_DAYS + 10) * DAY_MS
    await closing.run()
    before = await counted(database, PLATFORM)
    await retention.run()
    left = [9] if database.is_sqlite else [7, 8, 9]
    assert await raw_days(database, PLATFORM) == [left] * 4
    assert (await raw_since(database))[1] == left[0]
    assert await counted(database, PLATFORM) == before


async def test_nothing_goes_that_was_not_counted(
    database: Database, store: Store, closing: Closing, retention: Retention, time: Time
) -> None:
    await fill(store, 2)
    time.ms = MONDAY_MS + 30 * DAY_MS
    await retention.run()
    assert await raw_days(database, SHORT) == [[0, 1]] * 4
    await closing.run()
    late = at_noon(SHORT, 1)
    await store.commit([replace(late, ts_ms=late.ts_ms + 1, seq=99)])
    await retention.run()
    assert (await raw_since(database))[0] == 1  # the second day has a mark
    await closing.run()
    await retention.run()
    assert await raw_days(database, SHORT) == [[]] * 4
    assert [row[:2] for row in await counted(database, SHORT)] == [(0, 1), (1, 2)]


async def test_hundreds_of_machines_with_nothing_old_cost_a_few_statements(
    database: Database, store: Store, retention: Retention, time: Time
) -> None:
    await add_machines(database, 3, *range(100, 500))
    await store.commit(everything(machine(450, company_id=3), 20))
    time.ms = MONDAY_MS + 21 * DAY_MS
    asked: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        await retention.run()
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert len(asked) < 60
    assert await raw_days(database, machine(450, company_id=3)) == [[20]] * 4


async def test_letters_of_nobody_go_as_well(database: Database, store: Store, retention: Retention, time: Time) -> None:
    message = at_noon(SHORT, 0).message
    await store.commit([Rejected(message, None, Reason.UNKNOWN_MACHINE, "", None)])
    for days, left in ((RETENTION_DAYS + 1, 1), (RETENTION_DAYS + 2, 0)):
        time.ms = MONDAY_MS + days * DAY_MS
        await retention.run()
        async with database.read() as session:
            assert len((await session.scalars(select(DeadLetter))).all()) == left


@pytest.fixture
async def mariadb_database(mariadb_url: str) -> AsyncIterator[Database]:
    opened = Database(mariadb_url)
    await upgrade(opened)
    yield opened
    await opened.close()


async def test_weeks_are_made_ahead_once(mariadb_database: Database, time: Time) -> None:
    store = Store(mariadb_database, now_ms=time)
    await store.commit([sample(MONDAY_MS + week * WEEK_MS, week + 10, battery=1.0) for week in (-3, 0, 1, 30)])
    time.ms = MONDAY_MS + 3 * DAY_MS
    await make_partitions_ahead(mariadb_database, now_ms=time)
    names = ["p20270118", "p20270125", "p20270201", "p20270208", "p20270215", "p20270222"]
    weeks = [Partition(name, MONDAY_MS + week * WEEK_MS) for week, name in enumerate(names)]
    assert await partitions(mariadb_database) == weeks
    await make_partitions_ahead(mariadb_database, now_ms=time)
    assert await partitions(mariadb_database) == weeks
    time.ms += WEEK_MS
    await make_partitions_ahead(mariadb_database, now_ms=time)
    assert await partitions(mariadb_database) == [*weeks, Partition("p20270301", MONDAY_MS + 6 * WEEK_MS)]
    held = {name: await rows_in(mariadb_database, name) for name in [*names, "p20270301", "p_open"]}
    assert {name: rows for name, rows in held.items() if rows} == {
        "p20270118": 1, "p20270125": 1, "p20270201": 1, "p_open": 1,
    }  # fmt: skip


async def rows_in(database: Database, partition: str) -> int:
    async with database.read() as session:
        counted = await session.execute(text(f"SELECT COUNT(*) FROM telemetry PARTITION ({partition})"))
        return int(counted.scalar_one())


async def test_old_weeks_are_dropped_whole(mariadb_database: Database, time: Time) -> None:
    await add_machines(mariadb_database, 1, 1)
    await begin_at(mariadb_database, MONDAY_MS)
    await make_partitions_ahead(mariadb_database, now_ms=time)
    await Store(mariadb_database, now_ms=time).commit([sample(MONDAY_MS + day * DAY_MS, day + 1) for day in range(9)])
    retention = Retention(mariadb_database, retention_days=RETENTION_DAYS, now_ms=time)
    time.ms = MONDAY_MS + (RETENTION_DAYS + 8) * DAY_MS
    await retention.run()
    assert (await partitions(mariadb_database))[0].name == "p20270125"  # it has not been counted
    await Closing(mariadb_database, now_ms=time).run()
    time.ms -= 1
    await retention.run()
    assert (await partitions(mariadb_database))[0].name == "p20270125"
    time.ms += 1
    await retention.run()
    assert (await partitions(mariadb_database))[0].name == "p20270201"
    assert await raw_days(mariadb_database, machine(1)) == [[7, 8], [], [], []]
    assert await raw_since(mariadb_database) == [7]


async def test_who_reads_for_long_delays_a_partition_and_nobody_else(mariadb_database: Database, time: Time) -> None:
    async with mariadb_database.read() as session:
        await session.execute(text("SELECT COUNT(*) FROM telemetry"))
        with pytest.raises(DBAPIError, match="Lock wait timeout"):
            await make_partitions_ahead(mariadb_database, now_ms=time)
    async with asyncio.timeout(10):
        await Store(mariadb_database, now_ms=time).commit([sample(MONDAY_MS, 1)])
        await make_partitions_ahead(mariadb_database, now_ms=time)
    assert len(await partitions(mariadb_database)) == 6
