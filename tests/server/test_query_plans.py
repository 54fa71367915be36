"""The statements that the product runs for what is looked at most, as both databases plan them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, insert

from sunsweep.server.db.models import Machine, MachineStatus, StatusEvent, TelemetryRow
from sunsweep.server.db.partitions import partitions, split_open
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.telemetry import repository, service
from sunsweep.server.features.telemetry.grid import DAY_MS, HOUR_MS, Resolution
from sunsweep.server.features.telemetry.repository import Span
from sunsweep.server.features.telemetry.rollup import Sample
from tests.support.past import Past, new_past

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEEK_MS = 7 * DAY_MS
START_MS = 2900 * WEEK_MS
NOW_MS = START_MS + 26 * WEEK_MS
LAST_HOUR = Span(NOW_MS - HOUR_MS, NOW_MS)
Query = Callable[[Any, Machine], Awaitable[object]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(module_url: str) -> AsyncIterator[Past]:
    """Half a year of weekly partitions, and machines enough that no plan is worth reading the whole table."""
    made = await new_past(module_url)
    if not made.database.is_sqlite:
        await split_open(made.database, [START_MS + week * WEEK_MS for week in range(1, 27)])
        assert len(await partitions(made.database)) == 26
    samples = [Sample(START_MS + hour * HOUR_MS, 12.5, None, None, None, None) for hour in range(26 * 7 * 24)]
    for _ in range(5):
        machine = await made.machine(samples, rolled_until=NOW_MS - HOUR_MS)
        async with made.database.write() as session:
            await session.execute(insert(MachineStatus), [newest_of(machine)])
            await session.execute(insert(StatusEvent), [change_of(machine, one.ts) for one in samples[::20]])
    yield made
    await made.database.close()


def newest_of(machine: Machine) -> dict[str, Any]:
    presence = {"presence": "online", "presence_since": 0, "presence_cause": "heard", "heard_at": NOW_MS}
    return {"machine_id": machine.id, "in_session": False, **presence}


def change_of(machine: Machine, ts: int) -> dict[str, Any]:
    return {"machine_id": machine.id, "ts": ts, "boot": 7, "seq": ts, "status": "Idle", "flags": 0, "received_at": ts}


async def plans(past: Past, query: Query) -> list[dict[str, Any]]:
    """How the database would run each of the statements that a query of the product runs."""
    said: list[tuple[str, Any]] = []
    engine = past.database._engine.sync_engine

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "SELECT" in statement:
            said.append((statement, parameters))

    async with past.database.read() as session:
        machine = await machines.machine(session, 1, "M-3")
        assert machine is not None
        event.listen(engine, "before_cursor_execute", listen)
        try:
            await query(session, machine)
        finally:
            event.remove(engine, "before_cursor_execute", listen)
        explain = "EXPLAIN QUERY PLAN" if past.database.is_sqlite else "EXPLAIN PARTITIONS"
        connection = await session.connection()
        found = [await connection.exec_driver_sql(f"{explain} {sql}", values) for sql, values in said]
        return [dict(row) for rows in found for row in rows.mappings()]


def assert_by_key(past: Past, found: list[dict[str, Any]], table: str, *, bound: str = "") -> None:
    """Of the table only the rows asked for are read, in the order of its key."""
    if past.database.is_sqlite:
        details = [row["detail"] for row in found]
        assert not [detail for detail in details if "TEMP B-TREE" in detail or detail.startswith("SCAN " + table)]
        of_table = [detail for detail in details if f" {table} " in detail]
        assert of_table
        assert all("machine_id=?" in detail and bound in detail for detail in of_table), details
        assert all("PRIMARY KEY" in detail for detail in of_table), details
        return
    of_table = [row for row in found if row["table"] == table]
    assert of_table
    for row in of_table:
        assert (row["key"], row["type"] in {"const", "ref", "range"}) == ("PRIMARY", True), row
        assert "filesort" not in row["Extra"], row
        assert "temporary" not in row["Extra"], row


def assert_pruned(past: Past, found: list[dict[str, Any]], most: int) -> None:
    if not past.database.is_sqlite:
        read = [row["partitions"].split(",") for row in found if row["table"] == "telemetry"]
        assert read
        assert all(len(names) <= most for names in read), read


async def test_the_newest_state_is_one_row_by_its_key(past: Past) -> None:
    found = await plans(past, lambda session, machine: machines.status(session, machine.id))
    if past.database.is_sqlite:
        # The index that SQLite makes of the primary key.
        by_key = "SEARCH machine_status USING INDEX sqlite_autoindex_machine_status_1 (machine_id=?)"
        assert [row["detail"] for row in found] == [by_key]
    else:
        assert [(row["type"], row["key"]) for row in found] == [("const", "PRIMARY")]


async def test_the_last_hour_is_a_range_of_the_key(past: Past) -> None:
    found = await plans(past, lambda s, m: repository.history(s, TelemetryRow, m.id, LAST_HOUR, after=None, limit=1001))
    assert_by_key(past, found, "telemetry", bound="ts>? AND ts<?")
    assert_pruned(past, found, 2)
    found = await plans(past, lambda s, m: repository.history(s, StatusEvent, m.id, LAST_HOUR, after=None, limit=1001))
    assert_by_key(past, found, "status_event", bound="ts>? AND ts<?")


async def test_the_next_page_is_a_range_of_the_key(past: Past) -> None:
    after = (LAST_HOUR.from_ms + 5, 7, 9)
    found = await plans(
        past, lambda s, m: repository.history(s, TelemetryRow, m.id, LAST_HOUR, after=after, limit=1001)
    )
    assert_by_key(past, found, "telemetry", bound="ts>? AND ts<?")
    assert_pruned(past, found, 2)


@pytest.mark.parametrize("wish", list(Resolution))
async def test_charts_of_a_day_read_by_key_only(past: Past, wish: Resolution) -> None:
    asked = Span(NOW_MS - DAY_MS, NOW_MS)
    found = await plans(past, lambda s, m: service.telemetry(s, m, asked, wish, cursor="", limit=1000, now_ms=NOW_MS))
    assert_by_key(past, found, "telemetry", bound="ts>? AND ts<?")
    assert_pruned(past, found, 2)


async def test_a_year_s_chart_reads_the_days_and_but_the_open_tail_of_the_samples(past: Past) -> None:
    asked = Span(NOW_MS - 365 * DAY_MS, NOW_MS)
    found = await plans(
        past, lambda s, m: service.telemetry(s, m, asked, Resolution.DAY, cursor="", limit=1000, now_ms=NOW_MS)
    )
    assert_by_key(past, found, "telemetry_day", bound="start>? AND start<?")
    assert_by_key(past, found, "telemetry", bound="ts>? AND ts<?")
    assert_pruned(past, found, 2)
