"""History as files: read back, streamed, and stopped when nobody listens any more."""

import asyncio
import csv
import io
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pytest
import pytest_asyncio
from pyarrow import parquet
from sqlalchemy import insert, text

from sunsweep.contract.times import from_ms, iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Machine, TelemetryRow
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.telemetry import export, repository
from sunsweep.server.features.telemetry.choice import Choice
from sunsweep.server.features.telemetry.csv_file import CsvFile
from sunsweep.server.features.telemetry.export import SAMPLES, File
from sunsweep.server.features.telemetry.grid import DAY_MS
from sunsweep.server.features.telemetry.parquet_file import ParquetFile
from sunsweep.server.features.telemetry.repository import Span
from tests.support.past import Past, new_past
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Within the retention of raw samples, which the platform's jobs enforce.
START_MS = wall_clock() // DAY_MS * DAY_MS - 40 * DAY_MS
ODD = '{"note":"a \\"quoted\\", comma\\nand line","temp":32.5}'
SPAN = {"from": iso(START_MS), "to": iso(START_MS + DAY_MS)}


async def machine_with(platform: Platform, serial: str, count: int, step_ms: int = 1000) -> None:
    """Numbered samples; the last is one without number."""
    await platform.add_machine(serial)
    async with platform.database.read() as session:
        found = await machines.machine(session, 1, serial)
    assert found is not None
    rows = [
        {
            "machine_id": found.id, "ts": START_MS + number * step_ms, "boot": 0 if number == count - 1 else 7,
            "seq": number + 1, "battery": 12.5 + number / 8, "solar_v": None, "solar_a": -0.0625, "water": 1e-17,
            "extra": ODD if number % 2 else None, "flags": 0, "received_at": START_MS + number * step_ms + 250,
        }
        for number in range(count)
    ]  # fmt: skip
    async with platform.database.write() as session:
        await session.execute(insert(TelemetryRow), rows)


async def download(platform: Platform, serial: str, suffix: str, **query: Any) -> httpx.Response:
    return await platform.call(
        "GET", f"/machines/{serial}/telemetry.{suffix}", as_="viewer@example.com", params={**SPAN, **query}
    )


async def test_csv_holds_the_samples_as_measured(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 2)
    await machine_with(shared, "CSV-1", 5)
    answer = await download(shared, "CSV-1", "csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    name = f"CSV-1_{from_ms(START_MS):%Y%m%dT%H%M%SZ}_{from_ms(START_MS + DAY_MS):%Y%m%dT%H%M%SZ}.csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    header, *rows = csv.reader(io.StringIO(answer.content.decode(), newline=""))
    assert header == [
        "ts", "battery_v", "solar_v", "solar_a", "water_percent", "extra", "received_at", "boot", "seq",
    ]  # fmt: skip
    assert len(rows) == 5
    assert rows[1] == [
        iso(START_MS + 1000), "12.625", "", "-0.0625", "1e-17", ODD, iso(START_MS + 1250), "7", "2",
    ]  # fmt: skip
    assert rows[4][-2:] == ["", ""], "a number that we drew is none of the machine's"


async def test_parquet_holds_the_samples_as_measured(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr("sunsweep.server.features.telemetry.parquet_file.GROUP_ROWS", 4)
    await machine_with(shared, "PARQUET-1", 7)
    answer = await download(shared, "PARQUET-1", "parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["content-disposition"].endswith('.parquet"')
    file = parquet.ParquetFile(pa.BufferReader(answer.content))
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [4, 3]
    table = file.read()
    assert table.schema.field("ts").type == pa.timestamp("ms", tz="UTC")
    assert table.schema.field("battery_v").metadata[b"unit"] == b"V"
    assert table.schema.metadata[b"machine_id"] == b"PARQUET-1"
    rows = table.to_pylist()
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=START_MS)
    assert rows[1] == {
        "ts": start + timedelta(seconds=1), "battery_v": 12.625, "solar_v": None, "solar_a": -0.0625,
        "water_percent": 1e-17, "extra": ODD, "received_at": start + timedelta(milliseconds=1250), "boot": 7, "seq": 2,
    }  # fmt: skip
    assert (rows[6]["boot"], rows[6]["seq"]) == (None, None)


async def test_buckets_come_as_files_too(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 3)
    await machine_with(shared, "BUCKETS-1", 80, step_ms=10_000)
    text_answer = await download(shared, "BUCKETS-1", "csv", resolution="1m")
    rows = list(csv.DictReader(io.StringIO(text_answer.content.decode(), newline="")))
    assert [row["count"] for row in rows] == ["6"] * 13 + ["2"]
    assert (rows[0]["battery_v_min"], rows[0]["solar_v_count"], rows[0]["solar_v_mean"]) == ("12.5", "0", "")
    assert msgspec.json.decode(rows[0]["extra"]) == {"temp": {"count": 3, "mean": 32.5, "min": 32.5, "max": 32.5}}
    binary = await download(shared, "BUCKETS-1", "parquet", resolution="1m")
    table = parquet.read_table(pa.BufferReader(binary.content))
    assert [str(row) for row in table["count"].to_pylist()] == [row["count"] for row in rows]
    assert table["battery_v_mean"].to_pylist() == [float(row["battery_v_mean"]) for row in rows]
    assert table.schema.metadata[b"bucket_s"] == b"60"


async def test_nothing_measured_is_a_file_without_rows(shared: Platform) -> None:
    await shared.add_machine("EMPTY-1")
    for resolution in ("raw", "1h", "auto"):
        lines = (await download(shared, "EMPTY-1", "csv", resolution=resolution)).text.splitlines()
        assert len(lines) == 1
        binary = await download(shared, "EMPTY-1", "parquet", resolution=resolution)
        assert parquet.read_table(pa.BufferReader(binary.content)).num_rows == 0


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
async def test_what_goes_wrong_before_the_first_byte_is_a_problem(
    shared: Platform, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shared.add_machine(f"WRONG-{suffix}")
    backwards = await download(shared, f"WRONG-{suffix}", suffix, to=SPAN["from"])
    nowhere = await download(shared, "NOWHERE-1", suffix)

    async def away(*_args: Any, **_options: Any) -> Any:
        raise msgspec.ValidationError

    monkeypatch.setattr(repository, "samples", away)
    broken = await download(shared, f"WRONG-{suffix}", suffix)
    for answer, status in ((backwards, 422), (nowhere, 404), (broken, 500)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_who_hangs_up_stops_the_work(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 50)
    await machine_with(shared, "HANG-1", 4000)
    read, last = 0, asyncio.Event()
    samples = repository.samples

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal read
        read += 1
        if read == 5:
            last.set()
            await asyncio.Event().wait()
        return await samples(*args, **options)

    monkeypatch.setattr(repository, "samples", counted)
    stopped = asyncio.Event()
    pages = export._samples

    async def watched(*args: Any) -> AsyncIterator[Any]:
        try:
            async for page in pages(*args):
                yield page
        finally:
            stopped.set()

    monkeypatch.setattr(export, "_samples", watched)
    bearer = {"authorization": f"Bearer {await shared.token('viewer@example.com')}"}
    async with (
        shared.web("/api/v1", headers=bearer) as client,
        client.stream("GET", "/machines/HANG-1/telemetry.csv", params=SPAN) as answer,
    ):
        assert answer.status_code == 200
        await last.wait()
    async with asyncio.timeout(30):
        await stopped.wait()
    assert read == 5


@pytest_asyncio.fixture(loop_scope="module")
async def past(database_url: str) -> AsyncIterator[Past]:
    made = await new_past(database_url)
    yield made
    await made.database.close()


async def many_samples(database: Database, machine: Machine, count: int) -> None:
    """One each second, made by the database itself."""
    numbers = (
        f"WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < {count}) SELECT seq FROM n"
        if database.is_sqlite
        else f"SELECT seq FROM seq_1_to_{count}"
    )
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO telemetry (machine_id, ts, boot, seq, battery, water, extra, flags, received_at) SELECT"
                f" {machine.id}, {START_MS} + seq * 1000, 7, seq, 12.5, 80, :extra, 0, {START_MS} FROM ({numbers}) AS n"
            ),
            {"extra": '{"temp":32.5,"vibration":0.01}'},
        )


async def peak(past: Past, machine: Machine, file: File, seconds: int) -> int:
    """How many bytes more were in use at once, Python's and pyarrow's, while a file of so many samples was made."""
    span = Span(START_MS, START_MS + seconds * 1000 + 1)
    pa.default_memory_pool().release_unused()
    tracemalloc.start()
    size = arrow = 0
    async for piece in export.content(past.database, machine.id, Choice(span, None), file):
        size += len(piece)
        arrow = max(arrow, pa.total_allocated_bytes())
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > seconds
    return python + arrow


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [16_000, pytest.param(300_000, marks=pytest.mark.prove)])
async def test_memory_does_not_grow_with_the_file(
    past: Past, suffix: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rows < 100_000:
        monkeypatch.setattr(export, "ROWS_AT_ONCE", 400)
        monkeypatch.setattr("sunsweep.server.features.telemetry.parquet_file.GROUP_ROWS", 1000)
    machine = await past.machine([], rolled_until=START_MS)
    await many_samples(past.database, machine, rows)

    def file() -> File:
        return CsvFile(SAMPLES) if suffix == "csv" else ParquetFile(SAMPLES, {})

    short, long = [await peak(past, machine, file(), seconds) for seconds in (rows // 4, rows)]
    assert long < 2 * short  # of four times the rows
    assert long < 40_000_000
