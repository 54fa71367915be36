"""History in buckets: roll-ups and samples together, whole, once, and few enough at any span."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from statistics import fmean
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from sunsweep.contract.times import iso
from sunsweep.server.db.models import Company, Machine, TelemetryDay, TelemetryHour, TelemetryRow
from sunsweep.server.errors import InvalidError
from sunsweep.server.features.telemetry import buckets, service
from sunsweep.server.features.telemetry.grid import AUTO_POINTS, Resolution
from sunsweep.server.features.telemetry.repository import Span
from sunsweep.server.features.telemetry.rollup import COLUMNS, Sample, columns_of, fold
from sunsweep.server.features.telemetry.service import Points
from tests.support.past import Past, new_past

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
START_MS = 20_000 * DAY_MS
NOW_MS = START_MS + 4 * DAY_MS
YEAR_MS = 365 * DAY_MS
WIDTHS = {Resolution.MINUTE: MINUTE_MS, Resolution.HOUR: HOUR_MS, Resolution.DAY: DAY_MS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(module_url: str) -> AsyncIterator[Past]:
    made = await new_past(module_url)
    yield made
    await made.database.close()


def sample(after_ms: int, battery: float | None = 12.5, **extra: Any) -> Sample:
    text = msgspec.json.encode(extra).decode() if extra else None
    return Sample(START_MS + after_ms, battery, 21.25, None, 80.0, text)


def every(step_ms: int, count: int) -> list[Sample]:
    return [sample(number * step_ms, float(number), temp=number / 2) for number in range(count)]


async def read(
    past: Past, machine: Machine, wish: str, asked: tuple[int, int], *, cursor: str = "", limit: int = 1000
) -> Points:
    """Of the span in ms after `START_MS`."""
    span = Span(START_MS + asked[0], START_MS + asked[1])
    async with past.database.read() as session:
        return await service.telemetry(
            session, machine, span, Resolution(wish), cursor=cursor, limit=limit, now_ms=NOW_MS
        )


async def every_page(past: Past, machine: Machine, wish: str, asked: tuple[int, int], *, limit: int) -> list[Points]:
    pages = [await read(past, machine, wish, asked, limit=limit)]
    while (cursor := pages[-1].next_cursor) is not None:
        pages.append(await read(past, machine, wish, asked, limit=limit, cursor=cursor))
        assert len(pages) < 10_000
    assert all(len(page.items) <= limit for page in pages)
    return pages


def recounted(samples: Sequence[Sample], span: Span, width_ms: int) -> dict[str, tuple[Any, ...]]:
    """Count, and of battery and the extra `temp` the count, mean, min, max: of the whole buckets, counted plainly."""
    found: dict[int, list[Sample]] = defaultdict(list)
    for one in samples:
        bucket = one.ts // width_ms
        if span.from_ms // width_ms <= bucket <= (span.to_ms - 1) // width_ms:
            found[bucket].append(one)
    return {iso(bucket * width_ms): (len(some), *said_of(some)) for bucket, some in sorted(found.items())}


def said_of(samples: Sequence[Sample]) -> list[tuple[Any, ...]]:
    battery = [one.battery for one in samples if one.battery is not None]
    temp = [msgspec.json.decode(one.extra)["temp"] for one in samples if one.extra]
    return [
        (len(values), pytest.approx(fmean(values)), min(values), max(values)) if values else (0, None, None, None)
        for values in (battery, temp)
    ]


def shown(items: Sequence[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    nothing = {"count": 0, "mean": None, "min": None, "max": None}
    return {
        item["ts"]: (
            item["count"],
            tuple(item[f"battery_{word}"] for word in nothing),
            tuple(item["extra"].get("temp", nothing)[word] for word in nothing),
        )
        for item in items
    }


async def test_fields_and_numeric_extras_are_counted_alike(past: Past) -> None:
    samples = [
        Sample(START_MS, 12.0, None, 1.0, None, '{"temp":20,"mode":"dry","ok":true,"deep":{"a":1}}'),
        Sample(START_MS + 1, 13.0, None, 2.0, None, '{"temp":30.5}'),
        Sample(START_MS + 2, None, None, None, None, None),
    ]
    machine = await past.machine(samples, rolled_until=START_MS)
    (item,) = (await read(past, machine, "1m", (0, 1))).items
    assert item == {
        "ts": iso(START_MS), "count": 3,
        "battery_count": 2, "battery_mean": 12.5, "battery_min": 12.0, "battery_max": 13.0,
        "solar_v_count": 0, "solar_v_mean": None, "solar_v_min": None, "solar_v_max": None,
        "solar_a_count": 2, "solar_a_mean": 1.5, "solar_a_min": 1.0, "solar_a_max": 2.0,
        "water_count": 0, "water_mean": None, "water_min": None, "water_max": None,
        "extra": {"temp": {"count": 2, "mean": 25.25, "min": 20.0, "max": 30.5}},
    }  # fmt: skip


@pytest.mark.parametrize("wish", ["1m", "1h", "1d"])
async def test_a_span_s_first_and_last_buckets_are_whole(past: Past, wish: str) -> None:
    width = WIDTHS[Resolution(wish)]
    samples = every(width // 4, 12)
    machine = await past.machine(samples, rolled_until=START_MS + DAY_MS)
    found = await read(past, machine, wish, (width + width // 2, width * 2 + 1))
    assert [item["count"] for item in found.items] == [4, 4]
    assert [item["ts"] for item in found.items] == [iso(START_MS + width), iso(START_MS + 2 * width)]
    assert (found.bucket_s, found.next_cursor) == (width // 1000, None)


@pytest.mark.parametrize("wish", ["1h", "1d"])
async def test_what_is_counted_ahead_of_the_platform_is_not_counted_twice(past: Past, wish: str) -> None:
    """The job has counted this machine's hour, and not yet said that all machines' are: killed there, or about to."""
    samples = every(10 * MINUTE_MS, 6 * 30)
    rolled_until = START_MS + 26 * HOUR_MS
    machine = await past.machine(samples, rolled_until=rolled_until + HOUR_MS)
    await past.machine([], rolled_until=rolled_until)
    found = await read(past, machine, wish, (0, 2 * DAY_MS))
    span = Span(START_MS, START_MS + 2 * DAY_MS)
    assert shown(found.items) == recounted(samples, span, WIDTHS[Resolution(wish)])


@pytest.mark.parametrize("wish", ["1h", "1d", "auto"])
async def test_roll_ups_outlive_the_samples(past: Past, wish: str) -> None:
    samples = every(10 * MINUTE_MS, 6 * 24 * 3)
    machine = await past.machine(samples, rolled_until=START_MS + 3 * DAY_MS)
    gone = START_MS + 2 * DAY_MS
    async with past.database.write() as session:
        await session.execute(delete(TelemetryRow).where(TelemetryRow.machine_id == machine.id, TelemetryRow.ts < gone))
        await session.execute(update(Company).values(raw_since=gone))
    try:
        found = await read(past, machine, wish, (0, 3 * DAY_MS))
        recent = await read(past, machine, "auto", (2 * DAY_MS, 3 * DAY_MS))
    finally:
        async with past.database.write() as session:
            await session.execute(update(Company).values(raw_since=0))
    width_ms = WIDTHS[found.resolution]
    assert shown(found.items) == recounted(samples, Span(START_MS, START_MS + 3 * DAY_MS), width_ms)
    assert (recent.resolution, len(recent.items)) == ("raw", 144), "what still has its samples shows them"


offsets = st.integers(-HOUR_MS, 3 * DAY_MS)
histories = st.lists(
    st.builds(
        lambda after, battery, temp: sample(after, battery, **({} if temp is None else {"temp": temp})),
        st.integers(0, 2 * DAY_MS) | st.integers(0, 3 * HOUR_MS),
        st.none() | st.floats(-1e6, 1e6),
        st.none() | st.floats(-1e6, 1e6),
    ),
    max_size=40,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    samples=histories,
    rolled_hours=st.integers(0, 50),
    wish=st.sampled_from(["1m", "1h", "1d"]),
    ends=st.tuples(offsets, offsets).filter(lambda ends: ends[0] != ends[1]),
    limit=st.integers(1, 12),
    at_once=st.integers(2, 9),
)
async def test_pages_hold_every_bucket_once(
    past: Past,
    samples: list[Sample],
    rolled_hours: int,
    wish: str,
    ends: tuple[int, int],
    limit: int,
    at_once: int,
) -> None:
    begin, end = sorted(ends)
    machine = await past.machine(samples, rolled_until=START_MS + rolled_hours * HOUR_MS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "ROWS_AT_ONCE", at_once)
        patch.setattr(buckets, "ROWS_A_PAGE", 2 * at_once)
        pages = await every_page(past, machine, wish, (begin, end), limit=limit)
    items = [item for page in pages for item in page.items]
    assert [item["ts"] for item in items] == sorted({item["ts"] for item in items})
    expected = recounted(samples, Span(START_MS + begin, START_MS + end), WIDTHS[Resolution(wish)])
    assert shown(items) == expected


async def test_a_page_ends_early_rather_than_read_without_end(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = every(1000, 600)
    machine = await past.machine(samples, rolled_until=START_MS)
    monkeypatch.setattr(buckets, "ROWS_AT_ONCE", 50)
    monkeypatch.setattr(buckets, "ROWS_A_PAGE", 150)
    pages = await every_page(past, machine, "1m", (0, HOUR_MS), limit=1000)
    assert [len(page.items) for page in pages] == [2, 2, 2, 2, 2]
    items = [item for page in pages for item in page.items]
    assert shown(items) == recounted(samples, Span(START_MS, START_MS + HOUR_MS), MINUTE_MS)


async def test_auto_shows_few_samples_as_they_are(past: Past) -> None:
    machine = await past.machine(every(3 * HOUR_MS, 30), rolled_until=START_MS + 3 * DAY_MS)
    for asked in ((0, 4 * DAY_MS), (-10 * YEAR_MS, 10 * YEAR_MS)):
        found = await read(past, machine, "auto", asked)
        assert (found.resolution, found.bucket_s, len(found.items)) == ("raw", None, 30)


async def test_auto_shows_many_samples_in_minutes(past: Past) -> None:
    samples = every(20_000, 3 * 60 * 24)
    machine = await past.machine(samples, rolled_until=START_MS + 20 * HOUR_MS)
    found = await read(past, machine, "auto", (0, DAY_MS))
    assert (found.resolution, found.bucket_s, len(found.items), found.next_cursor) == ("1m", 120, 720, None)
    assert shown(found.items) == recounted(samples, Span(START_MS, START_MS + DAY_MS), 2 * MINUTE_MS)
    short = await read(past, machine, "auto", (0, HOUR_MS))
    assert (short.resolution, len(short.items)) == ("raw", 180)
    whole_history = await read(past, machine, "auto", (-10 * YEAR_MS, 10 * YEAR_MS))
    assert (whole_history.resolution, whole_history.bucket_s) == ("1m", 600), (
        "of the ten years only what holds anything"
    )


async def test_auto_takes_too_many_samples_from_the_roll_ups(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = every(20_000, 3 * 60 * 24)
    machine = await past.machine(samples, rolled_until=START_MS + 20 * HOUR_MS)
    monkeypatch.setattr("sunsweep.server.features.telemetry.choice.SAMPLES_TO_FOLD", 4000)
    found = await read(past, machine, "auto", (0, DAY_MS))
    assert (found.resolution, found.bucket_s, len(found.items)) == ("1h", 3600, 24)
    assert shown(found.items) == recounted(samples, Span(START_MS, START_MS + DAY_MS), HOUR_MS)


async def test_auto_shows_ten_years_of_roll_ups(past: Past) -> None:
    machine = await past.machine([], rolled_until=START_MS)
    days = {
        START_MS - number * DAY_MS: figures for number in range(1, 3651) for figures in fold([sample(0)], 1).values()
    }
    rows = [
        {"machine_id": machine.id, "start": start, **dict(zip(COLUMNS, columns_of(figures), strict=True))}
        for start, figures in days.items()
    ]
    async with past.database.write() as session:
        await session.execute(insert(TelemetryDay), rows)
        await session.execute(insert(TelemetryHour), rows)
        await session.execute(update(Company).values(raw_since=START_MS))
    try:
        found = await read(past, machine, "auto", (-10 * YEAR_MS, 0))
        pages = await every_page(past, machine, "auto", (-10 * YEAR_MS, 0), limit=100)
    finally:
        async with past.database.write() as session:
            await session.execute(update(Company).values(raw_since=0))
    assert (found.resolution, found.bucket_s, found.next_cursor) == ("1d", 7 * 86_400, None)
    assert 520 < len(found.items) <= AUTO_POINTS
    assert sum(item["count"] for item in found.items) == 3650
    assert [item for page in pages for item in page.items] == found.items
    assert {page.bucket_s for page in pages} == {found.bucket_s}


async def test_pages_of_auto_keep_their_grid(past: Past) -> None:
    samples = every(20_000, 1500)
    machine = await past.machine(samples, rolled_until=START_MS)
    first = await read(past, machine, "auto", (0, 8 * HOUR_MS), limit=100)
    assert (first.bucket_s, first.next_cursor) == (60, f"{START_MS + 100 * MINUTE_MS}x1")
    assert first.next_cursor is not None
    rest = await read(past, machine, "auto", (0, 50 * DAY_MS), cursor=first.next_cursor)
    assert (rest.bucket_s, rest.next_cursor) == (60, None), "afresh, 50 days would be shown in wider buckets"
    assert shown(first.items) | shown(rest.items) == recounted(samples, Span(START_MS, NOW_MS), MINUTE_MS)


@pytest.mark.parametrize(
    ("wish", "cursor"),
    [("1h", "0x1"), ("raw", "0x1"), ("1m", "1.2.3"), ("auto", "0x0"), ("auto", "0x-1"), ("1d", "99x"), ("auto", "x")],
)
async def test_a_cursor_of_something_else_is_refused(past: Past, wish: str, cursor: str) -> None:
    machine = await past.machine([], rolled_until=START_MS)
    with pytest.raises(InvalidError) as refused:
        await read(past, machine, wish, (0, DAY_MS), cursor=cursor)
    assert refused.value.fields == {"field": "cursor"}


async def test_a_made_up_cursor_does_no_harm(past: Past) -> None:
    machine = await past.machine(every(1000, 3), rolled_until=START_MS)
    for cursor in ("999999999999999999x1", "-999999999999999999x525600", "0x30"):
        found = await read(past, machine, "auto", (0, DAY_MS), cursor=cursor)
        assert sum(item["count"] for item in found.items) in {0, 3}
    # Buckets of such a width would be read from samples without an end.
    for cursor in ("-999999999999999999x9999999999", "0x1439"):
        with pytest.raises(InvalidError):
            await read(past, machine, "auto", (0, DAY_MS), cursor=cursor)


async def test_one_machine_s_buckets_are_not_another_s(past: Past) -> None:
    one = await past.machine(every(MINUTE_MS, 300), rolled_until=START_MS + 2 * HOUR_MS)
    other = await past.machine(every(MINUTE_MS, 240), rolled_until=START_MS + 2 * HOUR_MS)
    for machine, count in ((one, 300), (other, 240)):
        found = await read(past, machine, "1h", (0, DAY_MS))
        assert sum(item["count"] for item in found.items) == count
