"""Companies with machines, and samples for the ingest's store, at times of a test's own."""

from typing import Any

from sunsweep.contract.payloads import Stamp, Telemetry
from sunsweep.mqtt.port import Message
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Company, Machine
from sunsweep.server.db.state import set_state
from sunsweep.server.ingest.messages import Accepted, MachineRef

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MONDAY_MS = 1_800_230_400_000
"""Midnight of a Monday, in January 2027."""


class Time:
    """A clock that stands until it is moved."""

    def __init__(self, ms: int = MONDAY_MS) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


async def add_machines(
    database: Database, company_id: int, *machine_ids: int, retention_days: int | None = None
) -> None:
    async with database.write() as session:
        session.add(
            Company(id=company_id, name=f"company {company_id}", raw_retention_days=retention_days, created_at=0)
        )
        await session.flush()
        session.add_all(
            Machine(id=number, company_id=company_id, serial=f"SCM-{number}", created_at=0) for number in machine_ids
        )


async def begin_at(database: Database, instant_ms: int) -> None:
    """As if the platform had been set up then: hours before are closed, and hold nothing."""
    async with database.write() as session:
        for name in ("closed_until", "rolled_until"):
            await set_state(session, name, instant_ms)


def machine(number: int = 1, company_id: int = 1) -> MachineRef:
    return MachineRef(number, company_id, f"SCM-{number}", 90 * DAY_MS)


def sample(
    ts: int, seq: int, *, received_ms: int | None = None, of: MachineRef | None = None, **fields: Any
) -> Accepted:
    """A numbered sample of boot 7 as the ingest has decoded it."""
    at = ts if received_ms is None else received_ms
    message = Message("company/1/machine/SCM-1/telemetry", b"{}", 1, False, 1, 1, at)
    return Accepted(message, of or machine(), Telemetry(stamp=Stamp(ts, 7, seq), **fields), ts, min(ts, at), seq)
