"""History over REST: spans, pages and resolutions."""

from collections.abc import Iterable
from datetime import timedelta, timezone
from typing import Any

import pytest

from sunsweep.contract.times import from_ms, iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import DirtyHour, StatusEvent, TelemetryRow
from sunsweep.server.features.machines import repository as machines
from sunsweep.server.features.telemetry.service import read_instant
from sunsweep.server.jobs.close import Closing
from tests.support.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# Within the retention of raw samples, which the platform's jobs enforce.
START_MS = wall_clock() // DAY_MS * DAY_MS - 40 * DAY_MS
START = iso(START_MS)


async def internal_id(platform: Platform, serial: str) -> int:
    async with platform.database.read() as session:
        found = await machines.machine(session, 1, serial)
    assert found is not None
    return found.id


async def machine_with(platform: Platform, serial: str, samples: Iterable[tuple[int, float | None]]) -> None:
    """A machine with samples of (ms after `START`, battery), stored late and counted."""
    samples = list(samples)
    await platform.add_machine(serial)
    machine_id = await internal_id(platform, serial)
    async with platform.database.write() as session:
        session.add_all(
            TelemetryRow(
                machine_id=machine_id, ts=START_MS + after, boot=7, seq=seq, battery=battery,
                solar_v=21.25, solar_a=None, water=80.0, extra='{"temp":32.5}', flags=0, received_at=START_MS + after,
            )
            for seq, (after, battery) in enumerate(samples, 1)
        )  # fmt: skip
        hours = {(START_MS + after) // HOUR_MS * HOUR_MS for after, _ in samples}
        session.add_all(DirtyHour(machine_id=machine_id, hour=hour) for hour in hours)
    await Closing(platform.database, now_ms=wall_clock, pause_s=0).run()


async def history(platform: Platform, serial: str, path: str = "telemetry", **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = await platform.get(f"/machines/{serial}/{path}", as_="viewer@example.com", params=query)
    return found


async def every_page(platform: Platform, serial: str, path: str = "telemetry", **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        found = await history(platform, serial, path, cursor=cursor, **query)
        assert len(found["items"]) <= query["limit"]
        items += found["items"]
        cursor = found["next_cursor"]
    return items


async def refusal(platform: Platform, serial: str, **query: Any) -> tuple[int, str | None]:
    answer = await platform.call("GET", f"/machines/{serial}/telemetry", params=query)
    return answer.status_code, answer.json().get("field")


async def test_raw_samples_are_as_measured(shared: Platform) -> None:
    await machine_with(shared, "RAW-1", [(0, 12.8), (1500, None)])
    found = await history(shared, "RAW-1", **{"from": START, "to": iso(START_MS + DAY_MS)})
    first, second = found["items"]
    assert first == {
        "ts": START, "battery": 12.8, "solar_v": 21.25, "solar_a": None, "water": 80.0,
        "extra": {"temp": 32.5}, "received_at": START,
    }  # fmt: skip
    assert (second["ts"], second["battery"]) == (iso(START_MS + 1500), None)
    assert (found["resolution"], found["next_cursor"]) == ("raw", None)


async def test_from_is_inclusive_and_to_is_not(shared: Platform) -> None:
    await machine_with(shared, "EDGE-1", [(0, 1.0), (1000, 2.0), (2000, 3.0)])
    found = await history(shared, "EDGE-1", **{"from": iso(START_MS), "to": iso(START_MS + 2000)})
    assert [row["battery"] for row in found["items"]] == [1.0, 2.0]
    zone = timezone(timedelta(hours=2))
    begin, end = (from_ms(START_MS + after).astimezone(zone).isoformat() for after in (1000, 3000))
    east = await history(shared, "EDGE-1", **{"from": begin, "to": end})
    assert [row["battery"] for row in east["items"]] == [2.0, 3.0], "another zone, the same instants"


@pytest.mark.parametrize("limit", [1, 7, 25, 26])
async def test_pages_hold_every_sample_once_in_order(shared: Platform, limit: int) -> None:
    # Three samples an instant: the cursor must tell them apart.
    await machine_with(shared, f"PAGES-{limit}", [(number // 3 * 1000, float(number)) for number in range(25)])
    span = {"from": START, "to": iso(START_MS + DAY_MS)}
    rows = await every_page(shared, f"PAGES-{limit}", limit=limit, **span)
    assert [row["battery"] for row in rows] == [float(number) for number in range(25)]


async def test_buckets_count_and_average(shared: Platform) -> None:
    await machine_with(shared, "MEAN-1", [(0, 12.0), (30_000, 13.0), (59_999, None), (60_000, 14.0)])
    found = await history(shared, "MEAN-1", **{"from": START, "to": iso(START_MS + DAY_MS), "resolution": "1m"})
    first, second = found["items"]
    assert (first["ts"], first["count"], first["battery_mean"]) == (START, 3, 12.5)
    assert (first["battery_min"], first["battery_max"]) == (12.0, 13.0)
    assert (first["solar_v_mean"], first["solar_a_mean"], first["solar_a_min"]) == (21.25, None, None)
    assert (second["ts"], second["count"], second["battery_mean"]) == (iso(START_MS + MINUTE_MS), 1, 14.0)
    assert all(isinstance(second[f"battery_{word}"], float) for word in ("mean", "min", "max")), "no text, no Decimal"


@pytest.mark.parametrize(("resolution", "width"), [("1m", MINUTE_MS), ("1h", HOUR_MS), ("1d", DAY_MS)])
async def test_buckets_come_in_pages_too(shared: Platform, resolution: str, width: int) -> None:
    serial = f"BUCKETS-{resolution}"
    # The third bucket is empty, so it is not there.
    await machine_with(shared, serial, [(number * width + 5, float(number)) for number in range(11) if number != 2])
    span = {"from": START, "to": iso(START_MS + 20 * DAY_MS), "resolution": resolution}
    rows = await every_page(shared, serial, limit=3, **span)
    assert [row["battery_mean"] for row in rows] == [float(number) for number in range(11) if number != 2]
    assert [read_instant(row["ts"], "ts") % width for row in rows] == [0] * 10
    assert {row["count"] for row in rows} == {1}


async def test_auto_is_never_cut_by_the_page(shared: Platform) -> None:
    await machine_with(shared, "AUTO-1", [(number * 10_000, 12.0) for number in range(2000)])
    asked = {"from": START, "resolution": "auto"}
    short = await history(shared, "AUTO-1", to=iso(START_MS + HOUR_MS), **asked)
    assert (short["resolution"], short["bucket_s"], len(short["items"])) == ("raw", None, 360)
    long = await history(shared, "AUTO-1", to=iso(START_MS + 6 * HOUR_MS), **asked)
    assert (long["resolution"], long["bucket_s"], len(long["items"])) == ("1m", 60, 334)
    longest = await history(shared, "AUTO-1", **{**asked, "from": "2001-01-01T00:00:00Z"})
    assert (longest["resolution"], longest["bucket_s"], len(longest["items"])) == ("1h", 3600, 6)
    assert sum(item["count"] for item in longest["items"]) == 2000
    assert [found["next_cursor"] for found in (short, long, longest)] == [None] * 3


async def test_what_is_wrong_is_named(shared: Platform) -> None:
    await shared.add_machine("NAMED-1")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"from": "2026-03-01T00:00:00"}, "from"),
        ({"to": "2026-03-01T00:00:00"}, "to"),
        ({"from": "2026-03-01"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"from": START, "to": START}, "from"),
        ({"from": "9999-12-31T00:00:00Z"}, "from"),
        ({"limit": 0}, "limit"), ({"limit": 10_001}, "limit"), ({"limit": "many"}, "limit"),
        ({"resolution": "5m"}, "resolution"),
        ({"cursor": "x"}, "cursor"), ({"cursor": "1.2"}, "cursor"), ({"cursor": "9" * 40 + ".0.0"}, "cursor"),
        ({"cursor": "1.2." + "9" * 19}, "cursor"),
        ({"cursor": "x", "resolution": "1h"}, "cursor"), ({"cursor": "١.٢.٣"}, "cursor"),
    ]  # fmt: skip
    for query, field in wrong:
        assert await refusal(shared, "NAMED-1", **query) == (422, field), query


async def test_the_ends_of_time_do_no_harm(shared: Platform) -> None:
    await shared.add_machine("AEONS-1")
    for resolution in ("raw", "1m", "1d", "auto"):
        span = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z", "resolution": resolution}
        assert (await history(shared, "AEONS-1", **span))["items"] == []
        long_ago = {"to": "0001-01-01T00:00:00+14:00", "resolution": resolution}
        assert (await history(shared, "AEONS-1", **long_ago))["items"] == []


async def test_changes_of_state_come_in_pages(shared: Platform) -> None:
    await shared.add_machine("STATES-1")
    machine_id = await internal_id(shared, "STATES-1")
    words = ["Idle", "Läuft", "Charging", "offline"]
    async with shared.database.write() as session:
        session.add_all(
            StatusEvent(
                machine_id=machine_id, ts=START_MS + number, boot=0, seq=2**62 + number, status=word, energy=1.5,
                water=None, area=450.0, extra=None, flags=0, received_at=START_MS + number,
            )
            for number, word in enumerate(words)
        )  # fmt: skip
    span = {"from": START, "to": iso(START_MS + DAY_MS)}
    events = await every_page(shared, "STATES-1", "status/history", limit=3, **span)
    assert [event["status"] for event in events] == words
    assert (events[0]["energy"], events[0]["water"], events[0]["area"], events[0]["extra"]) == (1.5, None, 450.0, {})
