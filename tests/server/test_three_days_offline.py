"""A machine comes back after three days in its outbox: history, the live view, and a will from long ago."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection

from sunsweep.contract.payloads import Status, Telemetry
from sunsweep.contract.times import from_ms, iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.features.machines.service import Login
from tests.chaos.verdict import Tables, recount
from tests.machine.disks import start
from tests.server.viewers import say, viewing
from tests.support.machine_program import Running, Site
from tests.support.platform import HOST, Platform, eventually, running_platform

SERIAL: Final = "scm-1"
BOOT: Final = 7_777
DAYS: Final = 3
DAY_MS: Final = 86_400_000
CHANGES: Final = 24
BACK_WITHIN_S: Final = 5.0
HISTORY_WITHIN_S: Final = 150.0


def three_days(folder: Path, until_ms: int, every_ms: int) -> int:
    """What an earlier boot measured and never could send; the last number it drew."""
    outbox = start(folder, boot=BOOT)
    samples = DAYS * DAY_MS // every_ms
    for number in range(samples):
        ts_ms = until_ms - (samples - number) * every_ms
        outbox.put(Telemetry(battery=11.5, water=number % 100), ts_ms)
        if number % (samples // CHANGES) == 0:
            outbox.put(Status("Running" if number % 2 else "Docked", session=(BOOT, 1)), ts_ms + 1)
    last_seq = outbox.last_seq
    outbox.close()
    return last_seq


async def watch(socket: ClientConnection, seen: list[dict[str, Any]]) -> None:
    """Every frame, with the moment it came."""
    async for text in socket:
        frame = json.loads(text)
        frame["came_ms"] = wall_clock()
        seen.append(frame)


async def connected(program: Running) -> bool:
    assert program.process.returncode is None, program.said
    return "connected to" in program.said


async def test_history_fills_in_while_viewers_see_now(mariadb_url: str, tmp_path: Path) -> None:
    await comes_back(mariadb_url, tmp_path, every_ms=180_000)


@pytest.mark.prove
@pytest.mark.timeout(300)
async def test_history_fills_in_while_viewers_see_now_at_thirty_seconds(mariadb_url: str, tmp_path: Path) -> None:
    await comes_back(mariadb_url, tmp_path, every_ms=30_000)


async def comes_back(database_url: str, tmp_path: Path, *, every_ms: int) -> None:
    """The machine sends at most two hundred messages for each receipt, which is about as many in a second."""
    site = Site(tmp_path / "machine")
    left_ms = wall_clock() // 1000 * 1000
    filling = asyncio.create_task(asyncio.to_thread(three_days, site.state, left_ms, every_ms), name="three-days")
    async with running_platform(database_url, tmp_path) as platform:
        login = await platform.add_machine(SERIAL)
        await say(platform, login, {"status": "Running", "session": [BOOT, 1], "ts": iso(left_ms)}, "status", "-q", "1")
        last_seq = await filling
        site.configure(login, f"mqtt://{HOST}:{platform.mqtt_port}", interval_s=1.0)
        seen: list[dict[str, Any]] = []
        async with viewing(platform, SERIAL) as socket:
            watching = asyncio.create_task(watch(socket, seen), name="viewer")
            async with site.program() as program:
                await eventually(lambda: connected(program), within_s=20)
                back_ms = wall_clock()
                await eventually(lambda: _shows_now(seen, back_ms), within_s=BACK_WITHIN_S)
                said_ms = await _an_old_will(platform, login)
                await eventually(lambda: _arrived(platform, last_seq), within_s=HISTORY_WITHIN_S)
                shown = await platform.get(f"/machines/{SERIAL}/status", as_="viewer@example.com")
                await program.end()
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        tables = await recount(platform.database, wall_clock())
        await _history_is_whole(platform, tables, left_ms, every_ms)
    assert shown["presence"] == "online", shown
    _never_backwards(seen, back_ms)
    until_the_end = [frame for frame in seen if frame["came_ms"] < seen[-1]["came_ms"] - 1000]
    assert until_the_end[-1]["came_ms"] > said_ms + 2000, "nothing was shown after the will"
    offline = [frame for frame in until_the_end if "offline" in json.dumps(frame["data"])]
    assert not offline, offline


async def _shows_now(seen: list[dict[str, Any]], back_ms: int) -> bool:
    """A sample measured since the connection, or as it was made."""
    return any(frame["type"] == "telemetry" and frame["ts"] >= iso(back_ms - 1000) for frame in seen)


async def _an_old_will(platform: Platform, login: Login) -> int:
    """The broker finds the connection of three days ago dead only now."""
    await say(platform, login, {"status": "offline", "session": [BOOT, 1]}, "status", "-q", "1")
    return wall_clock()


async def _arrived(platform: Platform, last_seq: int) -> bool:
    ledger = await platform.get(f"/machines/{SERIAL}/ledger", as_="viewer@example.com", params={"boot": BOOT})
    return [boot["stored"]["count"] for boot in ledger["items"]] == [last_seq]


async def _history_is_whole(platform: Platform, tables: Tables, left_ms: int, every_ms: int) -> None:
    rows = tables.stored[SERIAL, BOOT]
    assert sorted(rows) == list(range(1, DAYS * DAY_MS // every_ms + CHANGES + 1))
    assert set(rows.values()) == {1}
    assert not tables.rejected
    assert not tables.lost
    for begin_ms in range(left_ms - DAYS * DAY_MS, left_ms, DAY_MS):
        span = {"from": from_ms(begin_ms).isoformat(), "to": from_ms(begin_ms + DAY_MS).isoformat()}
        found = await platform.telemetry(SERIAL, **span, resolution="raw", limit=3_000)
        assert [row["ts"] for row in found] == [iso(at_ms) for at_ms in range(begin_ms, begin_ms + DAY_MS, every_ms)]


def _never_backwards(seen: list[dict[str, Any]], back_ms: int) -> None:
    """In each kind of frame; nothing that is older than what has been shown goes out live."""
    for kind in ("telemetry", "status"):
        stamps = [frame["ts"] for frame in seen if frame["type"] == kind]
        assert stamps == sorted(stamps)
        old = [ts for ts in stamps if ts < iso(back_ms - 5000)]
        assert len(old) <= 1, f"{len(old)} {kind} frames of the three days went out live"
