"""One batch, one transaction, on both databases."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select, text

from sunsweep.contract.payloads import LossAccount, Result, ResultState, Stamp, Status, Telemetry
from sunsweep.contract.refusal import Reason
from sunsweep.mqtt.port import Message
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import (
    Base,
    DeadLetter,
    DirtyHour,
    LedgerEnd,
    LedgerLoss,
    MachineStatus,
    StatusEvent,
    TelemetryRow,
)
from sunsweep.server.db.state import set_state
from sunsweep.server.ingest.messages import Accepted, MachineRef, Rejected
from sunsweep.server.ingest.store import Store, StoreAwayError

NOW = 1_800_000_000_000


class Time:
    def __init__(self) -> None:
        self.ms = NOW

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(database: Database, time: Time) -> Store:
    return Store(database, now_ms=time)


def machine(number: int = 1) -> MachineRef:
    return MachineRef(number, 1, f"SCM-{number}", 90 * 86_400_000)


def message(payload: bytes = b"{}", topic: str = "company/1/machine/SCM-1/telemetry") -> Message:
    return Message(topic, payload, 1, retain=False, packet_id=1, connection=1, received_ms=NOW)


def accepted(body: Any, *, ts: int = NOW, seq: int = 1, of: MachineRef | None = None) -> Accepted:
    return Accepted(message(), of or machine(), body, ts, min(ts, NOW), body.stamp.seq or seq)


def numbered(seq: int, **fields: Any) -> Accepted:
    ts = NOW - 10_000 + seq
    return accepted(Telemetry(stamp=Stamp(ts, 7, seq), **fields), ts=ts)


async def count(database: Database, table: type[Base]) -> int:
    async with database.read() as session:
        return (await session.execute(select(func.count()).select_from(table))).scalar_one()


async def test_a_numbered_message_that_comes_again_is_stored_once(database: Database, store: Store) -> None:
    batch = [numbered(seq, battery=13.0, extra={"temp": 30}) for seq in range(1, 6)]
    assert (await store.commit(batch)).duplicates.total() == 0
    assert (await store.commit([*batch, numbered(6)])).duplicates.total() == 5
    assert await count(database, TelemetryRow) == 6


async def test_unnumbered_samples_of_one_instant_are_both_kept(database: Database, store: Store) -> None:
    await store.commit([accepted(Telemetry(), seq=1), accepted(Telemetry(), seq=2)])
    assert await count(database, TelemetryRow) == 2


async def test_values_come_back_as_they_were(database: Database, store: Store) -> None:
    extra = {"note": "пыль 🌵 \\ \x00 '", "deep": [1, {"a": None}], "temp": 32.5}
    await store.commit([accepted(Telemetry(13.5, None, -0.0, 1e308, extra, mistyped=("solar_v",)))])
    async with database.read() as session:
        row = (await session.scalars(select(TelemetryRow))).one()
    assert (row.battery, row.solar_v, row.solar_a, row.water, row.flags) == (13.5, None, 0.0, 1e308, 1)
    assert row.extra is not None
    assert json.loads(row.extra) == extra


async def test_the_newest_sample_is_written_at_most_once_a_second_and_never_forgotten(
    database: Database, store: Store, time: Time
) -> None:
    await store.commit([accepted(Telemetry(battery=13.0), seq=1)])
    time.ms += 500
    await store.commit([accepted(Telemetry(battery=12.9), ts=NOW - 1, seq=2), accepted(Telemetry(battery=12.8), seq=3)])
    assert (await newest(database)).battery == 13.0
    assert store.owes
    time.ms += 600
    await store.commit([])
    assert (await newest(database)).battery == 12.8
    assert not store.owes


async def test_status_changes_leave_events_and_heartbeats_do_not(database: Database, store: Store) -> None:
    words = ["Idle", "Idle", "Running", "Running", "offline"]
    await store.commit([accepted(Status(word), ts=NOW - 100 + n, seq=n) for n, word in enumerate(words)])
    async with database.read() as session:
        events = (await session.scalars(select(StatusEvent.status).order_by(StatusEvent.ts))).all()
    assert events == ["Idle", "Running", "offline"]


async def test_news_for_viewers_comes_with_the_commit(store: Store) -> None:
    came = await store.commit([accepted(Status("Idle"))])
    assert [(change.presence, change.cause) for change in came.presence] == [("online", "heard")]
    went = await store.commit([accepted(Status("offline"), seq=2)])
    assert [change.presence for change in went.presence] == ["offline"]


async def test_a_result_for_an_unknown_command_is_kept_and_harms_nothing(store: Store) -> None:
    word = Result("01890a5d-ac96-774b-bcce-b302099a8057", ResultState.SUCCEEDED)
    committed = await store.commit([accepted(word)])
    assert committed.commands == []


async def test_rejected_messages_are_kept_as_they_came(database: Database, store: Store) -> None:
    raw = b"\xff\x00not json" + bytes(1_000_000)
    await store.commit([Rejected(message(raw), machine(), Reason.NOT_JSON, "x" * 900, None), numbered(1)])
    async with database.read() as session:
        letter = (await session.scalars(select(DeadLetter))).one()
    assert (letter.payload, letter.size, letter.reason, letter.company_id) == (raw, len(raw), "not_json", 1)
    assert await count(database, TelemetryRow) == 1


async def test_one_poisonous_row_costs_one_dead_letter(mariadb_url: str, time: Time) -> None:
    """MariaDB refuses what a narrower column cannot hold; SQLite has no such columns."""
    database = Database(mariadb_url)
    await upgrade(database)
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE telemetry MODIFY extra VARCHAR(40)"))
    store = Store(database, now_ms=time)
    batch = [numbered(seq, extra={"note": "y" * (100 if seq == 5 else 1)}) for seq in range(1, 9)]
    committed = await store.commit(batch)
    refused = [item for item in committed.outcome if isinstance(item, Rejected)]
    assert [(item.reason, item.numbered) for item in refused] == [(Reason.BAD_VALUE, (7, 5))]
    assert (await count(database, TelemetryRow), await count(database, DeadLetter)) == (7, 1)
    await database.close()


async def test_an_old_schema_is_trouble_and_no_reason_to_reject(database: Database, store: Store) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE telemetry RENAME TO telemetry_old"))
    with pytest.raises(StoreAwayError):
        await store.commit([numbered(1)])
    assert await count(database, DeadLetter) == 0


async def test_what_fails_half_way_leaves_nothing(database: Database, store: Store) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE dead_letter RENAME TO dead_letter_old"))
    with pytest.raises(StoreAwayError):
        await store.commit([numbered(1), Rejected(message(b"x"), machine(), Reason.NOT_JSON, "", None)])
    assert await count(database, TelemetryRow) == 0


async def test_more_machines_than_one_statement_takes_are_due_at_once(
    database: Database, store: Store, time: Time
) -> None:
    """A backlog drains: each machine's second sample waits for its second, and then all of them are due together."""
    numbers = range(1, 2001)
    for seq in (1, 2):
        for some in (numbers[:1000], numbers[1000:]):
            await store.commit([accepted(Telemetry(battery=seq), seq=seq, of=machine(number)) for number in some])
    time.ms += 1100
    await store.commit([])
    assert not store.owes
    async with database.read() as session:
        assert set((await session.scalars(select(MachineStatus.battery))).all()) == {2.0}


async def test_in_a_hurry_what_waits_is_due(database: Database, store: Store) -> None:
    await store.commit([accepted(Telemetry(battery=13.0), seq=1)])
    await store.commit([accepted(Telemetry(battery=12.0), seq=2)])
    store.hurry()
    await store.commit([])
    assert ((await newest(database)).battery, store.owes) == (12.0, False)


async def test_where_samples_move_the_state_at_once_nothing_waits(database: Database, time: Time) -> None:
    store = Store(database, now_ms=time, state_every_ms=0)
    for seq, battery in enumerate((13.0, 12.0, 11.0), 1):
        await store.commit([accepted(Telemetry(battery=battery), seq=seq)])
        assert ((await newest(database)).battery, store.owes) == (battery, False)


@pytest.mark.parametrize("back_ms", [1, 500, 999, 1000, 5000])
async def test_after_a_step_back_what_waits_waits_no_longer_than_its_second(
    database: Database, store: Store, time: Time, back_ms: int
) -> None:
    """A machine that was moved before the step stands in line before one that was moved after it."""
    await store.commit([accepted(Telemetry(battery=1.0), seq=1)])
    time.ms -= back_ms
    await store.commit([accepted(Telemetry(battery=1.0), of=machine(2), seq=1)])
    time.ms += 1
    await store.commit([accepted(Telemetry(battery=2.0), of=machine(2), seq=2)])
    time.ms += 999
    await store.commit([])
    assert not store.owes


async def test_a_machine_that_was_never_heard_is_shown_at_once_whatever_the_clock_says(
    database: Database, store: Store, time: Time
) -> None:
    time.ms = 0
    await store.commit([accepted(Telemetry(battery=1.0), seq=1)])
    assert not store.owes


async def test_a_clock_that_steps_back_keeps_nothing_waiting(database: Database, store: Store, time: Time) -> None:
    await store.commit([accepted(Telemetry(battery=13.0), seq=1)])
    time.ms -= 3_600_000
    await store.commit([accepted(Telemetry(battery=12.0), seq=2)])
    assert (await newest(database)).battery == 12.0


async def test_a_serial_of_two_companies_is_two_machines(database: Database, store: Store) -> None:
    ours, theirs = MachineRef(1, 1, "SAME", 90 * 86_400_000), MachineRef(2, 2, "SAME", 90 * 86_400_000)
    await store.commit([accepted(Status("Idle"), of=ours), accepted(Status("Running"), of=theirs)])
    async with database.read() as session:
        found = (await session.execute(select(MachineStatus.machine_id, MachineStatus.status))).all()
    assert sorted(map(tuple, found)) == [(1, "Idle"), (2, "Running")]


async def test_what_falls_into_a_closed_hour_leaves_a_mark(database: Database, store: Store) -> None:
    hour = NOW // 3_600_000 * 3_600_000
    async with database.write() as session:
        await set_state(session, "closed_until", hour)
    late, refused = numbered(1), Rejected(message(b"x"), machine(2), Reason.CLOCK_AHEAD, "", (7, 9))
    late = replace(late, ts_ms=hour - 1)
    await store.commit([late, numbered(2), refused._replace(message=replace(message(), received_ms=hour - 7_200_000))])
    async with database.read() as session:
        marks = (await session.execute(select(DirtyHour.machine_id, DirtyHour.hour))).all()
    assert sorted(map(tuple, marks)) == [(1, hour - 3_600_000), (2, hour - 7_200_000)]


async def test_what_a_machine_has_given_up_is_kept_with_its_status(database: Database, store: Store) -> None:
    account = LossAccount(lost=[(7, 3, 5)], ended=[(6, 40)])
    said = accepted(Status("Idle", stamp=Stamp(NOW, 7, 9), account=account))
    await store.commit([said])
    await store.commit([said])
    async with database.read() as session:
        loss = (await session.scalars(select(LedgerLoss))).one()
        end = (await session.scalars(select(LedgerEnd))).one()
    assert (loss.machine_id, loss.boot, loss.first_seq, loss.last_seq) == (1, 7, 3, 5)
    assert (end.machine_id, end.boot, end.last_seq) == (1, 6, 40)


async def newest(database: Database) -> MachineStatus:
    async with database.read() as session:
        return (await session.scalars(select(MachineStatus))).one()


async def test_numbers_that_grow_when_written_do_not_stop_the_ingest(database: Database, store: Store) -> None:
    """Of `1e15,` five bytes come and nineteen are stored."""
    large = {"extra": {"a": [1e15] * 13_000}}
    assert len((await store.commit([numbered(seq, **large) for seq in range(1, 65)])).outcome) == 64
    assert await count(database, TelemetryRow) == 64
