"""Refusals: their bytes are kept up to a cap, and many machines' at once are an alarm."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from sunsweep.contract.payloads import Telemetry
from sunsweep.contract.refusal import Reason
from sunsweep.mqtt.port import Message
from sunsweep.server import metrics
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import DeadLetter, DeadLetterDay
from sunsweep.server.ingest.alarm import Refusals
from sunsweep.server.ingest.messages import Accepted, Decoded, MachineRef, Rejected
from sunsweep.server.ingest.reject import NewLetters
from sunsweep.server.ingest.store import Store, StoreAwayError
from tests.support.platform import Platform, eventually, topic

DAY = 86_400_000
MIDNIGHT = 20_000 * DAY


class Time:
    def __init__(self) -> None:
        self.ms = MIDNIGHT

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def time() -> Time:
    return Time()


def store_of(database: Database, time: Time) -> Store:
    """A worker that keeps the bytes of three a day."""
    return Store(database, letters=NewLetters(database, per_day=3), now_ms=time)


def message(at: int = MIDNIGHT) -> Message:
    return Message(
        "company/1/machine/M/telemetry", b"rubbish", 1, retain=False, packet_id=1, connection=1, received_ms=at
    )


def machine(number: int, company_id: int = 1) -> MachineRef:
    return MachineRef(number, company_id, f"M-{number}", 90 * DAY)


def refused(
    number: int | None, *, at: int = MIDNIGHT, company_id: int = 1, reason: Reason = Reason.NOT_JSON
) -> Rejected:
    return Rejected(message(at), None if number is None else machine(number, company_id), reason, "", None)


def good(number: int, company_id: int = 1) -> Accepted:
    return Accepted(message(), machine(number, company_id), Telemetry(), MIDNIGHT, MIDNIGHT, number)


async def letters(database: Database) -> dict[int | None, tuple[int, int]]:
    """Of each machine: how many dead letters there are, and how many with their bytes."""
    columns = (DeadLetter.machine_id, func.count(), func.count(DeadLetter.payload))
    async with database.read() as session:
        rows = (await session.execute(select(*columns).group_by(DeadLetter.machine_id))).all()
    return {machine_id: (number, with_bytes) for machine_id, number, with_bytes in rows}


async def test_beyond_the_cap_everything_but_the_bytes_is_kept(database: Database, time: Time) -> None:
    store = store_of(database, time)
    before = metrics.WITHOUT_BYTES._value.get()
    await store.commit([refused(1)] * 2 + [refused(2)] + [refused(None)] * 5)
    await store.commit([refused(1)] * 2 + [refused(2)])
    assert await letters(database) == {1: (4, 3), 2: (2, 2), None: (5, 3)}
    assert metrics.WITHOUT_BYTES._value.get() - before == 3
    async with database.read() as session:
        bare = (await session.scalars(select(DeadLetter).where(DeadLetter.payload.is_(None)))).first()
        days = (
            await session.execute(select(DeadLetterDay.machine_id, DeadLetterDay.refused, DeadLetterDay.kept))
        ).all()
    assert bare is not None
    assert (bare.size, bare.reason, bare.received_at) == (7, "not_json", MIDNIGHT)
    assert sorted(map(tuple, days)) == [(0, 5, 3), (1, 4, 3), (2, 2, 2)]


async def test_the_cap_holds_over_workers_and_ends_with_the_day(database: Database, time: Time) -> None:
    for worker in (store_of(database, time), store_of(database, time)):
        await worker.commit([refused(1)] * 2)
    assert await letters(database) == {1: (4, 3)}
    await store_of(database, time).commit([refused(1, at=MIDNIGHT - 1), refused(1, at=MIDNIGHT + DAY)])
    assert await letters(database) == {1: (6, 5)}


async def test_what_fails_half_way_has_not_been_counted(database: Database, time: Time) -> None:
    store = store_of(database, time)
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE dead_letter RENAME TO dead_letter_old"))
    with pytest.raises(StoreAwayError):
        await store.commit([refused(1)] * 3)
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE dead_letter_old RENAME TO dead_letter"))
    await store.commit([refused(1)] * 3)
    assert await letters(database) == {1: (3, 3)}


async def test_beyond_ten_times_the_cap_only_what_the_ledger_counts_is_listed(database: Database, time: Time) -> None:
    store = store_of(database, time)
    numbered = Rejected(message(), machine(1), Reason.TOO_LATE, "", (7, 1))
    for _ in range(11):
        await store.commit([refused(1)] * 100)
    await store.commit([refused(2), numbered])
    assert await letters(database) == {1: (1001, 3), 2: (1, 1)}
    async with database.read() as session:
        counted = await session.scalar(select(DeadLetterDay.refused).where(DeadLetterDay.machine_id == 1))
        last = (
            await session.scalars(select(DeadLetter.id).where(DeadLetter.detail.startswith("the last of the")))
        ).all()
        ledger = await session.scalar(select(func.count()).where(DeadLetter.boot == 7))
    assert (counted, ledger, len(last)) == (1101, 1, 1)


async def test_what_is_counted_only_is_counted_exactly_whoever_counts(database: Database, time: Time) -> None:
    one, other = store_of(database, time), store_of(database, time)
    await one.commit([refused(1)] * 1000)
    for store in (one, other, one, other, one):
        await store.commit([refused(1)] * 10 + [refused(2)])
    await one.commit([refused(1, at=MIDNIGHT + DAY), refused(1)])
    columns = (DeadLetterDay.machine_id, DeadLetterDay.day, DeadLetterDay.refused, DeadLetterDay.kept)
    async with database.read() as session:
        days = [tuple(row) for row in await session.execute(select(*columns).order_by(*columns[:2]))]
    assert days == [(1, MIDNIGHT, 1051, 3), (1, MIDNIGHT + DAY, 1, 1), (2, MIDNIGHT, 5, 3)]
    assert await letters(database) == {1: (1001, 4), 2: (5, 3)}


@pytest.fixture
def log() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def said(log: list[Any]) -> list[tuple[str, int]]:
    return [(line["log_level"], line["machines"]) for line in log if "many machines at once" in line["event"]]


def fleet(number: int, bad: int, *, companies: int) -> list[Decoded]:
    return [(refused if n < bad else good)(n, company_id=n % companies + 1) for n in range(number)]


@pytest.mark.parametrize(
    ("number", "bad", "companies", "alarm"),
    [
        pytest.param(100, 10, 2, True, id="ten of two companies"),
        pytest.param(100, 9, 2, False, id="nine are few"),
        pytest.param(1000, 49, 2, False, id="less than 5 percent are few"),
        pytest.param(1000, 50, 2, True, id="5 percent are many"),
        pytest.param(100, 50, 1, False, id="one company's own matter"),
        pytest.param(100, 51, 1, True, id="more than half of all"),
    ],
)
def test_refusals_of_many_machines_are_an_alarm(
    log: list[Any], time: Time, number: int, bad: int, companies: int, *, alarm: bool
) -> None:
    refusals = Refusals(now_ms=time, companies=lambda: companies)
    refusals.heard(fleet(number, bad, companies=companies))
    refusals.look()
    assert said(log) == ([("error", bad)] if alarm else [])
    assert metrics.REFUSAL_ALARM._value.get() == alarm
    metrics.REFUSAL_ALARM.set(0)


def test_one_company_of_several_is_no_alarm_though_the_others_are_silent(log: list[Any], time: Time) -> None:
    refusals = Refusals(now_ms=time, companies=lambda: 2)
    refusals.heard(refused(n) for n in range(100))
    refusals.look()
    assert said(log) == []


def test_one_machine_s_flood_is_no_alarm_and_a_line_a_minute(log: list[Any], time: Time) -> None:
    refusals = Refusals(now_ms=time, companies=lambda: 2)
    for _ in range(130):
        refusals.heard([refused(1), refused(None)] * 50)
        refusals.look()
        time.ms += 1000
    assert said(log) == []
    assert [line["event"] for line in log] == ["messages kept as dead letters"] * 3
    assert [line["not_json"] for line in log] == [100, 6000, 6000]


def test_an_alarm_is_said_once_and_is_over_after_a_minute_without(log: list[Any], time: Time) -> None:
    refusals = Refusals(now_ms=time, companies=lambda: 2)
    many = [refused(n, company_id=n % 2 + 1, reason=Reason.CLOCK_AHEAD if n else Reason.NOT_JSON) for n in range(20)]
    for _ in range(3):
        refusals.heard(many)
        refusals.look()
        time.ms += 20_000
    assert [(line["companies"], line["heard"], line["reason"]) for line in log if line["log_level"] == "error"] == [
        (2, 20, "clock_ahead")
    ]
    for _ in range(20):
        refusals.heard(fleet(20, 0, companies=2))
        refusals.look()
        time.ms += 10_000
    assert [line["event"] for line in log if line["log_level"] == "info"] == ["refusals come from few machines again"]
    assert metrics.REFUSAL_ALARM._value.get() == 0


def test_refusals_of_different_minutes_are_not_many_at_once(log: list[Any], time: Time) -> None:
    refusals = Refusals(now_ms=time, companies=lambda: 2)
    for number in range(30):
        refusals.heard([refused(number, company_id=number % 2 + 1)])
        refusals.look()
        time.ms += 10_000
    assert said(log) == []


async def test_the_running_ingest_caps_and_says_what_it_refuses(platform: Platform, log: list[Any]) -> None:
    await platform.stop_backend()
    platform.settings = platform.settings.model_copy(update={"dead_letters_per_day": 1})
    login = await platform.add_machine("M-1")
    await platform.start_backend()
    async with platform.mqtt(login.mqtt_username, login.mqtt_password) as client:
        for _ in range(3):
            await client.publish(topic(login, "telemetry"), b"rubbish", qos=1)

        async def kept() -> list[Any]:
            items: list[Any] = (await platform.get("/dead-letters"))["items"]
            return items if len(items) == 3 else []

        items = await eventually(kept)
        assert [item["payload_base64"] is None for item in items] == [True, True, False]

        async def said() -> bool:
            numbers = [line["not_json"] for line in log if line["event"] == "messages kept as dead letters"]
            return bool(numbers)

        await eventually(said)
