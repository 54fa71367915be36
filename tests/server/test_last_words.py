"""What the ingest has put off is done before it ends."""

import pytest
from sqlalchemy import func, select

from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import MachineStatus
from sunsweep.server.ingest import newest
from sunsweep.server.ingest.pipeline import Ingest
from tests.support.history import MONDAY_MS, Time, machine, sample


async def test_every_newest_sample_is_written_also_of_more_machines_than_one_commit_takes(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "MAX_RIPE", 2)
    database = Database(sqlite_url)
    await upgrade(database)
    ingest = Ingest(database, ConnectionSettings(host="127.0.0.1"), retention_days=90, now_ms=Time())
    for seq in (1, 2):
        await ingest._store.commit([sample(MONDAY_MS + seq, seq, of=machine(of), battery=seq) for of in range(1, 6)])
    ingest._inbox.close()
    await ingest._commit_until_closed()
    async with database.read() as session:
        assert await session.scalar(select(func.count()).where(MachineStatus.battery == 2)) == 5
    await database.close()
