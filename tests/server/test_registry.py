"""Which machine a topic belongs to, and how far back its history is taken."""

from sqlalchemy import update

from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Company
from sunsweep.server.ingest.registry import Registry
from tests.support.history import DAY_MS, MONDAY_MS, Time, add_machines

TOPIC = "company/1/machine/SCM-1/telemetry"


async def retention_ms(database: Database) -> int:
    (known,) = await Registry(database, retention_days=90, now_ms=Time()).of([TOPIC])
    assert isinstance(known, tuple)
    return known[0].retention_ms


async def test_a_company_may_keep_less_and_never_more(database: Database) -> None:
    await add_machines(database, 1, 1, retention_days=30)
    assert await retention_ms(database) == 30 * DAY_MS
    async with database.write() as session:
        await session.execute(update(Company).values(raw_retention_days=365))
    assert await retention_ms(database) == 90 * DAY_MS


async def test_a_longer_retention_brings_back_no_day_that_is_gone(database: Database) -> None:
    """What is stored before `raw_since` would be deleted within the hour, and in no account."""
    await add_machines(database, 1, 1, retention_days=90)
    async with database.write() as session:
        await session.execute(update(Company).values(raw_since=MONDAY_MS - 31 * DAY_MS))
    assert await retention_ms(database) == 31 * DAY_MS


async def test_companies_that_have_machines_are_counted_again_each_minute(database: Database) -> None:
    time = Time()
    registry = Registry(database, retention_days=90, now_ms=time)
    await add_machines(database, 1, 1, 2)
    await registry.of([TOPIC])
    assert registry.companies == 1
    await add_machines(database, 2, 3)
    await add_machines(database, 3)
    await registry.of([TOPIC])
    assert registry.companies == 1
    time.ms += 60_000
    await registry.of([TOPIC])
    assert registry.companies == 2
