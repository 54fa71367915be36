"""The bench's own judges see what is wrong."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from bench.fleet_field import Account
from bench.fleet_verdict import complaints
from bench.fleet_viewers import Viewer

from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.ingest.store import Store
from tests.support.history import DAY_MS, MONDAY_MS, Time, add_machines, begin_at, sample

HOUR_MS = 3_600_000


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    opened = Database(sqlite_url)
    await upgrade(opened)
    await add_machines(opened, 1, 1)
    await begin_at(opened, MONDAY_MS)
    yield opened
    await opened.close()


async def judged(database: Database, stored: Sequence[int], **words: int) -> list[str]:
    """Of a machine that has drawn five numbers."""
    time = Time(MONDAY_MS + HOUR_MS)
    await Store(database, now_ms=time).commit([sample(MONDAY_MS + seq * 1000, seq, battery=1.0) for seq in stored])
    account = Account("SCM-1", 7, **{"last_seq": 5, "pending": 0, "rejected": 0, "given_up": 0} | words)
    return await complaints(database, [account], since_ms=MONDAY_MS, until_ms=MONDAY_MS + DAY_MS)


async def test_all_stored_is_no_complaint(database: Database) -> None:
    assert await judged(database, [1, 2, 3, 4, 5]) == []


async def test_a_hole_is_named(database: Database) -> None:
    assert await judged(database, [1, 2, 4, 5]) == [
        "SCM-1 boot 7: missing: [(3, 3)]",
        "SCM-1 boot 7: 5 drawn; the ledger says last 5, 4 stored in 4 rows",
    ]


async def test_an_end_that_has_not_come_is_named(database: Database) -> None:
    assert await judged(database, [1, 2, 3, 4]) == ["SCM-1 boot 7: 5 drawn; the ledger says last 4, 4 stored in 4 rows"]


async def test_what_is_stored_twice_is_named(database: Database) -> None:
    await Store(database, now_ms=Time()).commit([sample(MONDAY_MS + 1, 3, battery=2.0)])
    assert await judged(database, [1, 2, 3, 4, 5]) == [
        "SCM-1 boot 7: 5 drawn; the ledger says last 5, 5 stored in 6 rows"
    ]


async def test_what_the_machine_itself_still_has_or_was_refused_is_named(database: Database) -> None:
    assert await judged(database, [1, 2, 3, 4, 5], pending=2, rejected=1) == [
        "SCM-1 boot 7: 2 still in the outbox",
        "SCM-1 boot 7: 0 rejected, by its own count 1",
    ]


class Frames:
    """A socket that has said this, and is closed."""

    close_code, close_reason = 1006, ""

    def __init__(self, *frames: dict[str, Any]) -> None:
        self._texts = [msgspec.json.encode(one).decode() for one in frames]

    async def __aiter__(self) -> AsyncIterator[str]:
        for text in self._texts:
            yield text


SUNDAY = "2027-01-17T12:00:00.000Z"


def presence(word: str, since: str) -> dict[str, Any]:
    return {"type": "presence", "machine_id": "A", "ts": since, "data": {"presence": word, "since": since}}


def telemetry(seq: int, second: int) -> dict[str, Any]:
    ts = f"2027-01-18T00:00:{second:02}.000Z"
    return {"type": "telemetry", "machine_id": "A", "ts": ts, "data": {"ts": ts, "boot": 7, "seq": seq}}


async def test_a_viewer_counts_what_it_was_not_shown() -> None:
    viewer = Viewer()
    shown = Frames(
        {"type": "snapshot", "machine_id": "A", "ts": SUNDAY, "data": {"presence": "offline", "since": SUNDAY}},
        telemetry(1, 1),
        telemetry(2, 2),
        telemetry(5, 5),
    )
    with pytest.raises(RuntimeError, match="closed: 1006"):
        await viewer.watch(shown)  # type: ignore[arg-type]
    assert (viewer.snapshots, viewer.gaps, len(viewer.late_ms)) == (1, 2, 3)
    assert viewer.right(1, since_ms=MONDAY_MS + 5000)
    assert not viewer.right(1, since_ms=MONDAY_MS + 5001)
    assert not viewer.right(2, since_ms=MONDAY_MS)


async def test_who_speaks_is_here_until_something_later_says_no() -> None:
    viewer = Viewer()
    later = "2027-01-18T00:00:09.000Z"
    with pytest.raises(RuntimeError, match="closed"):
        await viewer.watch(Frames(presence("offline", SUNDAY), telemetry(1, 1), presence("offline", SUNDAY)))  # type: ignore[arg-type]
    assert viewer.presence == {"A": "online"}
    with pytest.raises(RuntimeError, match="closed"):
        await viewer.watch(Frames(presence("offline", later), telemetry(2, 2)))  # type: ignore[arg-type]
    assert viewer.presence == {"A": "offline"}
