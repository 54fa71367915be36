"""Bulk runs go on: stage after stage, as the commands of the one before have ended. All state is in the database."""

from sunsweep.mqtt.port import Client
from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import BulkRun
from sunsweep.server.features.bulk import repository
from sunsweep.server.features.bulk.advance import Step, advance
from sunsweep.server.features.bulk.news import tell
from sunsweep.server.features.bulk.progress import Next, next_step


class Rollout:
    """Called under the lease; a second one would do no harm, since each step holds its run."""

    def __init__(self, database: Database, client: Client, now_ms: Clock) -> None:
        self._database = database
        self._client = client
        self._now_ms = now_ms

    async def step(self) -> None:
        """Whatever is due of any run, until machines have to be waited for."""
        async with self._database.read() as session:
            runs = await repository.living_runs(session)
        for run in runs:
            while await self._is_due(run) and (await self._advance(run)).moved:
                continue

    async def _is_due(self, run: BulkRun) -> bool:
        """Most of the time nothing is, and nobody's writes are held up to find that out."""
        async with self._database.read() as session:
            now = await repository.by_id(session, run.company_id, run.id)
            tally = (await repository.tallies(session, run.company_id, [run.id]))[run.id]
        return now is not None and next_step(now, tally) is not Next.WAIT

    async def _advance(self, run: BulkRun) -> Step:
        async with self._database.write() as session:
            step = await advance(session, run.company_id, run.id, now_ms=self._now_ms())
        await tell(self._client, run.company_id, step)
        return step
