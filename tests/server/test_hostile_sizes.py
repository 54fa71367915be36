"""What one machine sends may be as large and as odd as the contract allows: everybody else's is stored all the same."""

from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from sunsweep.contract.codec import decode_status, decode_telemetry
from sunsweep.contract.limits import MAX_PAYLOAD_BYTES
from sunsweep.contract.payloads import Telemetry
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import MachineStatus, TelemetryRow
from sunsweep.server.ingest.batch import MAX_BYTES, MAX_ROWS
from sunsweep.server.ingest.messages import Accepted
from sunsweep.server.ingest.store import Store
from tests.support.history import MONDAY_MS, Time, machine, sample

LONG_WHEN_WRITTEN = b'{"a":[' + b",".join([b"1e15"] * ((MAX_PAYLOAD_BYTES - 100) // 5)) + b"]"
"""`1e15` is read as a number and written as `1000000000000000.0`."""


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database, now_ms=Time())


def said(number: int, body: Any) -> Accepted:
    item = sample(MONDAY_MS, number, of=machine(number))
    return replace(item, body=body)


async def test_a_batch_that_grows_when_it_is_written_is_stored(database: Database, store: Store) -> None:
    payload = LONG_WHEN_WRITTEN + b"}"
    body = decode_telemetry(payload)
    await store.commit([said(number, body) for number in range(1, MAX_BYTES // len(payload))])
    async with database.read() as session:
        stored = (await session.execute(select(func.count()).select_from(TelemetryRow))).scalar_one()
    assert stored == MAX_BYTES // len(payload) - 1


async def test_small_words_of_machines_with_a_large_state_are_stored(database: Database, store: Store) -> None:
    wordy = decode_status(b'{"status":"Idle","a":"' + b"x" * (MAX_PAYLOAD_BYTES - 100) + b'"}')
    at_once = MAX_BYTES // MAX_PAYLOAD_BYTES
    machines = range(1, 3 * at_once + 1)
    for start in range(0, len(machines), at_once):
        await store.commit([said(number, wordy) for number in machines[start : start + at_once]])
    assert len(machines) < MAX_ROWS
    store.hurry()
    await store.commit([said(number, Telemetry(battery=13.5)) for number in machines])
    async with database.read() as session:
        shown = await session.scalars(select(MachineStatus.battery))
        assert list(shown) == [13.5] * len(machines)


@pytest.mark.parametrize("value", [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e22, 0.1, 1e-5])
async def test_a_value_comes_back_to_the_last_bit(database: Database, store: Store, value: float) -> None:
    await store.commit([said(1, Telemetry(battery=value))])
    async with database.read() as session:
        assert await session.scalar(select(TelemetryRow.battery)) == value
