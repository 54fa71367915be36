"""A database with machines whose history a test makes up, rolled up as far as it says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy import insert

from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Machine, TelemetryDay, TelemetryHour, TelemetryRow
from sunsweep.server.db.state import set_state
from sunsweep.server.features.accounts.service import add_company
from sunsweep.server.features.telemetry.grid import DAY_MS, HOUR_MS
from sunsweep.server.features.telemetry.rollup import COLUMNS, Figures, Sample, columns_of, fold, merge

BOOT = 7


@dataclass
class Past:
    """Company 1 and its machines."""

    database: Database
    _serials: "count[int]" = field(default_factory=lambda: count(1))

    async def machine(self, samples: Sequence[Sample], *, rolled_until: int) -> Machine:
        """A machine with these samples; hours before `rolled_until` have been counted."""
        async with self.database.write() as session:
            machine = Machine(company_id=1, serial=f"M-{next(self._serials)}", created_at=0)
            session.add(machine)
            await session.flush()
            if samples:
                await session.execute(insert(TelemetryRow), _rows(machine.id, samples))
            hours = fold((sample for sample in samples if sample.ts < rolled_until), HOUR_MS)
            for row, figures in ((TelemetryHour, hours), (TelemetryDay, merge(hours.items(), DAY_MS))):
                if figures:
                    await session.execute(insert(row), _roll_ups(machine.id, figures))
            await set_state(session, "rolled_until", rolled_until)
        return machine


async def new_past(database_url: str) -> Past:
    database = Database(database_url)
    await upgrade(database)
    async with database.write() as session:
        await add_company(session, "Alpha", now_ms=0)
    return Past(database)


def _rows(machine_id: int, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    number = {"machine_id": machine_id, "boot": BOOT, "flags": 0}
    return [
        {**number, **sample._asdict(), "seq": seq, "received_at": sample.ts} for seq, sample in enumerate(samples, 1)
    ]


def _roll_ups(machine_id: int, figures: dict[int, Figures]) -> list[dict[str, Any]]:
    return [
        {"machine_id": machine_id, "start": start, **dict(zip(COLUMNS, columns_of(found), strict=True))}
        for start, found in figures.items()
    ]
