"""Dead letters fed in again after a fix, on both databases."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from sunsweep.contract.refusal import Reason
from sunsweep.contract.times import iso
from sunsweep.mqtt.port import Message
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Company, DeadLetter, DirtyHour, MachineStatus, StatusEvent, TelemetryRow
from sunsweep.server.db.state import set_state
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.deadletters.repository import Selection
from sunsweep.server.features.machines import service as machines
from sunsweep.server.ingest import replay as replaying
from sunsweep.server.ingest.messages import MachineRef, Rejected
from sunsweep.server.ingest.reject import NewLetters
from sunsweep.server.ingest.replay import Replayed, replay
from sunsweep.server.ingest.store import Committed, Store, StoreAwayError
from tests.support.platform import Platform, eventually

HOUR = 3_600_000
DAY = 24 * HOUR
CAME = 1_800_000_000_000
NOW = CAME + 2 * HOUR
ALL = Selection(everybody=True)


@pytest.fixture
async def database(database: Database) -> Database:
    """Companies 1 and 2; machine 1 is M-1 of company 1."""
    async with database.write() as session:
        for name in ("Alpha", "Beta"):
            await accounts.add_company(session, name, now_ms=CAME)
    await add_machine(database, "M-1")
    return database


async def add_machine(database: Database, serial: str) -> None:
    async with database.write() as session:
        await machines.add(session, 1, serial, now_ms=CAME)


def letter(
    body: object,
    *,
    serial: str = "M-1",
    channel: str = "telemetry",
    reason: Reason = Reason.BAD_FIELD,
    came: int = CAME,
    known: bool = True,
) -> Rejected:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    topic = f"company/1/machine/{serial}/{channel}"
    message = Message(topic, payload, 1, retain=False, packet_id=1, connection=1, received_ms=came)
    stamp = (body["boot"], body["seq"]) if isinstance(body, dict) and "seq" in body else None
    return Rejected(message, MachineRef(1, 1, serial, 90 * DAY) if known else None, reason, "", stamp)


def numbered(seq: int, *, ts: int = CAME, **fields: Any) -> dict[str, Any]:
    return {"battery": 13, "ts": iso(ts), "boot": 7, "seq": seq, **fields}


async def keep(database: Database, *letters: Rejected, per_day: int = 100) -> None:
    await Store(database, letters=NewLetters(database, per_day=per_day), now_ms=lambda: CAME).commit(letters)


async def feed(database: Database, which: Selection = ALL, *, now: int = NOW, **more: Any) -> Replayed:
    return await replay(database, which, retention_days=90, now_ms=lambda: now, **more)


async def samples(database: Database) -> Sequence[TelemetryRow]:
    query = select(TelemetryRow).where(TelemetryRow.ts >= 0, TelemetryRow.ts < NOW + DAY)
    async with database.read() as session:
        return (await session.scalars(query.order_by(TelemetryRow.ts, TelemetryRow.seq))).all()


async def letters(database: Database) -> Sequence[DeadLetter]:
    async with database.read() as session:
        return (await session.scalars(select(DeadLetter).order_by(DeadLetter.id))).all()


async def test_what_came_before_its_machine_was_added_is_stored_with_its_own_time(database: Database) -> None:
    await keep(
        database,
        letter({"battery": 12.5}, serial="NEW-1", known=False, reason=Reason.UNKNOWN_MACHINE),
        letter(b"rubbish", serial="NEW-1", known=False, reason=Reason.UNKNOWN_MACHINE),
    )
    assert await feed(database) == Replayed(0, 2, 0)
    await add_machine(database, "NEW-1")
    assert await feed(database) == Replayed(1, 1, 0)
    (row,) = await samples(database)
    assert (row.machine_id, row.battery, row.ts, row.received_at) == (2, 12.5, CAME, CAME)
    (left,) = await letters(database)
    assert (left.reason, left.company_id, left.machine_id, left.payload) == ("not_json", 1, 2, b"rubbish")
    assert await feed(database) == Replayed(0, 1, 0)
    assert len(await samples(database)) == 1


async def test_a_clock_that_was_ahead_is_right_by_now(database: Database) -> None:
    await keep(database, letter(numbered(1, ts=CAME + HOUR), reason=Reason.CLOCK_AHEAD))
    assert await feed(database, now=CAME + HOUR // 2) == Replayed(0, 1, 0)
    assert await feed(database) == Replayed(1, 0, 0)
    assert [(row.ts, row.boot, row.seq) for row in await samples(database)] == [(CAME + HOUR, 7, 1)]


async def test_what_came_too_late_is_stored_once_retention_has_grown(database: Database) -> None:
    async with database.write() as session:
        await session.execute(update(Company).values(raw_retention_days=10))
    late = letter(numbered(1, ts=CAME - 20 * DAY), reason=Reason.TOO_LATE)
    await keep(database, late, letter({"battery": 1}, came=CAME - 11 * DAY))
    assert await feed(database) == Replayed(0, 2, 0)
    assert {one.reason for one in await letters(database)} == {"too_late"}
    async with database.write() as session:
        await session.execute(update(Company).values(raw_retention_days=30))
    assert await feed(database) == Replayed(2, 0, 0)


async def test_a_selection_leaves_the_others(database: Database) -> None:
    await add_machine(database, "M_1")
    await keep(
        database,
        letter({"battery": 1}),
        letter({"battery": 2}, serial="M_1", known=False, reason=Reason.UNKNOWN_MACHINE),
        letter({"battery": 3}, came=CAME + 1),
    )
    ids = [one.id for one in await letters(database)]
    for which in (
        Selection(2),
        Selection(1, serial="M_1"),
        ALL._replace(serial="M"),
        ALL._replace(serial="m_1"),
        ALL._replace(reason=Reason.TOO_LATE),
        ALL._replace(to_ms=CAME),
        ALL._replace(from_ms=CAME + 2),
        ALL._replace(ids=[ids[-1] + 1]),
        ALL._replace(asked=True),
    ):
        assert await feed(database, which) == Replayed(0, 0, 0), which
    assert await feed(database, ALL._replace(serial="M_1")) == Replayed(1, 0, 0)
    assert await feed(database, Selection(1, serial="M-1", to_ms=CAME + 1)) == Replayed(1, 0, 0)
    assert [one.id for one in await letters(database)] == [ids[2]]


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)  # SQLite has no columns too narrow
async def test_beside_one_that_the_database_refuses_the_newest_moves_the_state(database: Database) -> None:
    """The batch is cut in halves: what the first has moved a moment ago the second moves again."""
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE telemetry MODIFY extra VARCHAR(40)"))
    poison = numbered(3, ts=CAME + 3, extra={"note": "y" * 100})
    words = (numbered(1, battery=1), numbered(2, ts=CAME + 2, battery=2), poison, numbered(4, ts=CAME + 4, battery=4))
    await keep(database, *map(letter, words))
    assert await feed(database) == Replayed(3, 1, 0)
    async with database.read() as session:
        state = (await session.scalars(select(MachineStatus))).one()
    assert (state.battery, state.telemetry_at) == (4, CAME)


async def test_ended_half_way_and_begun_again_each_is_stored_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "AT_ONCE", 2)
    await keep(database, *(letter(numbered(seq)) for seq in (1, 2, 3)), *(letter({"battery": n}) for n in (1, 2, 3)))

    async def killed(_: Committed) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await feed(database, done=killed)
    assert (len(await samples(database)), len(await letters(database))) == (2, 4)
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE dirty_hour RENAME TO dirty_hour_old"))
        await connection.execute(text("UPDATE platform_state SET value = 4000000000000 WHERE name = 'closed_until'"))
    with pytest.raises(StoreAwayError):
        await feed(database)
    assert (len(await samples(database)), len(await letters(database))) == (2, 4)
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE dirty_hour_old RENAME TO dirty_hour"))
    assert await feed(database) == Replayed(4, 0, 0)
    assert (len(await samples(database)), len(await letters(database))) == (6, 0)


async def test_two_at_once_store_each_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "AT_ONCE", 7)
    await keep(database, *(letter({"battery": n}) for n in range(50)))
    told = await asyncio.gather(*(feed(database) for _ in range(3)))
    assert sum(one.stored for one in told) == 50
    assert sorted(row.battery or 0 for row in await samples(database)) == list(range(50))
    assert await letters(database) == []


async def test_what_was_stored_meanwhile_is_not_stored_twice(database: Database) -> None:
    await keep(database, letter(numbered(1)), letter(numbered(1)))
    assert await feed(database) == Replayed(2, 0, 0)
    assert len(await samples(database)) == 1


async def test_without_their_bytes_they_stay(database: Database) -> None:
    await keep(database, letter(numbered(1)), letter(numbered(2)), per_day=1)
    assert await feed(database) == Replayed(1, 0, 1)
    assert [one.seq for one in await letters(database)] == [2]


async def test_the_hour_in_which_it_was_refused_is_counted_again(database: Database) -> None:
    closed = CAME // HOUR * HOUR + HOUR
    await keep(
        database, letter(numbered(1, ts=CAME - 5 * HOUR)), letter(numbered(2, battery="x" * 70_000), came=CAME - HOUR)
    )
    async with database.write() as session:
        await set_state(session, "closed_until", closed)
    assert await feed(database) == Replayed(1, 1, 0)
    async with database.read() as session:
        marks = (await session.execute(select(DirtyHour.machine_id, DirtyHour.hour))).all()
    hour = CAME // HOUR * HOUR
    assert sorted(map(tuple, marks)) == [(1, hour - 5 * HOUR), (1, hour - HOUR), (1, hour)]


async def test_late_words_do_not_overwrite_newer_ones(database: Database) -> None:
    await keep(database, letter({"battery": 1}), letter({"status": "Old"}, channel="status"))
    await keep(
        database, letter({"battery": 2}, came=CAME + 9), letter({"status": "New"}, channel="status", came=CAME + 9)
    )
    newer = Selection(1, from_ms=CAME + 1)
    assert await feed(database, newer) == Replayed(2, 0, 0)
    assert await feed(database) == Replayed(2, 0, 0)
    async with database.read() as session:
        row = (await session.scalars(select(MachineStatus))).one()
        events = (await session.execute(select(func.count()).select_from(StatusEvent))).scalar_one()
    assert (row.battery, row.status, row.presence_since, row.seen_at) == (2.0, "New", CAME + 9, CAME + 9)
    assert events == 1
    assert len(await samples(database)) == 2


async def test_admins_ask_over_rest_and_the_ingest_feeds_in(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "LOOK_EVERY_S", 0.05)
    await platform.stop_backend()
    await platform.add_machine("M-1")
    await keep(platform.database, letter({"battery": 7}), letter(b"rubbish"), letter({}, serial="X-1", known=False))
    assert (await platform.call("POST", "/dead-letters/replay", as_="operator@example.com", json={})).status_code == 403
    foreign = await platform.call("POST", "/dead-letters/replay?company_id=2", json={})
    assert foreign.status_code == 404
    refused = await platform.call("POST", "/dead-letters/replay", json={"from": "2027-01-01"})
    assert refused.status_code == 422
    listed = await platform.get("/dead-letters", params={"machine_id": "M-1", "reason": "bad_field", "from": iso(CAME)})
    assert [item["replay_at"] for item in listed["items"]] == [None, None]
    for query in ({"to": iso(CAME)}, {"machine_id": "X-1"}, {"reason": "too_late"}):
        assert (await platform.get("/dead-letters", params=query))["items"] == []

    all_ids = [one.id for one in await letters(platform.database)]
    asked = await platform.call("POST", "/dead-letters/replay", json={"ids": all_ids, "machine_id": "M-1"})
    assert (asked.status_code, asked.json()) == (202, {"asked": 2})
    assert all(item["replay_at"] for item in (await platform.get("/dead-letters"))["items"])
    nobodys = await platform.call("POST", "/dead-letters/replay", as_="root@example.com", json={})
    assert nobodys.json() == {"asked": 1}
    await platform.start_backend()

    async def answered() -> bool:
        return all(one.replay_at is None for one in await letters(platform.database))

    await eventually(answered)
    left = [(one.company_id, one.reason) for one in await letters(platform.database)]
    assert left == [(1, "not_json"), (None, "unknown_machine")]
    assert [row.battery for row in await samples(platform.database)] == [7.0]
