"""Two workers that store words of one machine at the same time: with several members its topics go separate ways."""

import asyncio

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sunsweep.contract.payloads import Status, Telemetry
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import MachineStatus
from sunsweep.server.db.statements import Statements
from sunsweep.server.features.machines.current import Current
from sunsweep.server.ingest.messages import Accepted
from sunsweep.server.ingest.newest import Newest
from tests.support.history import MONDAY_MS, Time, sample


class Worker(Newest):
    """Stops after it has read the machines' rows."""

    def __init__(self, database: Database) -> None:
        super().__init__(Statements(is_sqlite=database.is_sqlite), now_ms=Time())
        self._database = database
        self.has_read, self.go_on = asyncio.Event(), asyncio.Event()

    async def _currents(self, connection: AsyncConnection, machine_ids: list[int]) -> dict[int, Current]:
        found = await super()._currents(connection, machine_ids)
        self.has_read.set()
        await self.go_on.wait()
        return found

    async def take(self, item: Accepted) -> None:
        async with self._database.transaction() as connection:
            await self.fold(connection, [item])


async def test_the_first_words_of_a_machine_do_not_overwrite_each_other(database: Database) -> None:
    status, telemetry = (
        replace(sample(MONDAY_MS, 1), body=body) for body in (Status("Running"), Telemetry(battery=13.5))
    )
    first, second = Worker(database), Worker(database)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first.take(status))
        await first.has_read.wait()
        tasks.create_task(second.take(telemetry))
        reading = tasks.create_task(second.has_read.wait())
        # As far as it gets while the first one is at work.
        await asyncio.wait([reading], timeout=0.2)
        first.go_on.set()
        second.go_on.set()
    async with database.read() as session:
        row = (await session.execute(select(MachineStatus.status, MachineStatus.battery))).one()
    assert tuple(row) == ("Running", 13.5)
