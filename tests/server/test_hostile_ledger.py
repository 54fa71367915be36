"""One machine's numbers may be as odd as the contract allows: everybody's accounts are counted all the same."""

import pytest
from sqlalchemy import insert, select

from sunsweep.contract.limits import MAX_BOOT, MAX_SEQ
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import LedgerBoot, LedgerDay, LedgerEnd, LedgerLoss
from sunsweep.server.features.ledger import recount, repository
from sunsweep.server.ingest.store import Store
from sunsweep.server.jobs.close import Closing
from tests.support.history import DAY_MS, MONDAY_MS, Time, add_machines, begin_at, sample


@pytest.fixture
async def database(database: Database) -> Database:
    await add_machines(database, 1, 1, 2)
    await begin_at(database, MONDAY_MS)
    return database


async def test_the_greatest_numbers_of_many_boots_can_be_added_up(database: Database) -> None:
    boots = 2**63 // MAX_SEQ + 2
    row = {"machine_id": 1, "last_seq": MAX_SEQ, "stored": 3, "rejected": 0, "given_up": 0, "missing": MAX_SEQ - 3}
    async with database.write() as session:
        await session.execute(insert(LedgerBoot), [row | {"boot": boot, "counted_at": 0} for boot in range(1, boots)])
    async with database.read() as session:
        totals, incomplete = await repository.platform_totals(session)
    assert (totals["stored"], totals["rejected"], incomplete) == (3 * (boots - 1), 0, boots - 1)
    assert totals["missing"] == pytest.approx((MAX_SEQ - 3) * (boots - 1))


async def test_totals_of_nothing_are_nothing(database: Database) -> None:
    async with database.read() as session:
        assert await repository.platform_totals(session) == (
            dict.fromkeys(("stored", "rejected", "given_up", "missing"), 0),
            0,
        )


async def test_boots_that_ended_before_their_first_number_are_not_counted_for_ever(database: Database) -> None:
    async with database.write() as session:
        await session.execute(
            insert(LedgerEnd),
            [{"machine_id": 1, "boot": 7, "last_seq": 0}, {"machine_id": 1, "boot": 8, "last_seq": MAX_SEQ}],
        )
        await session.execute(
            insert(LedgerLoss), [{"machine_id": 1, "boot": MAX_BOOT, "first_seq": 1, "last_seq": MAX_SEQ}]
        )
    async with database.transaction() as connection:
        assert await repository.boots_with_news(connection, [1]) == {(1, 8), (1, MAX_BOOT)}


async def test_a_day_of_too_many_gaps_is_counted_as_far_as_it_can_be_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recount, "MAX_RANGES", 3)
    time = Time(MONDAY_MS + DAY_MS)
    await Store(database, now_ms=time).commit([sample(MONDAY_MS + seq, seq) for seq in range(1, 12, 2)])
    time.ms += DAY_MS
    await Closing(database, now_ms=time, pause_s=0).run()
    async with database.read() as session:
        day = (await session.execute(select(LedgerDay.count, LedgerDay.stored))).one()
        boot = (await session.execute(select(LedgerBoot.last_seq, LedgerBoot.stored, LedgerBoot.missing))).one()
    assert tuple(day) == (6, "[[1,1],[3,3],[5,5]]")
    assert tuple(boot) == (5, 3, 2)
