"""Who is here, who left, who has fallen silent: every state meets every event."""

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from sqlalchemy import delete, select, update

from sunsweep.contract.payloads import Stamp, Status, Telemetry
from sunsweep.contract.times import iso
from sunsweep.mqtt.port import Client, Message, Published
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import Lease, Machine, MachineStatus, StatusEvent
from sunsweep.server.db.state import set_state
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.machines import repository
from sunsweep.server.features.machines import service as machines
from sunsweep.server.features.machines.current import Current, fold
from sunsweep.server.ingest.messages import Accepted, MachineRef
from sunsweep.server.ingest.store import Store
from sunsweep.server.jobs.staleness import Staleness
from tests.server.viewers import frame, frames, viewing
from tests.support.platform import BACKEND, Platform, eventually, topic

NOW = 1_800_000_000_000
MINUTE = 60_000
SESSION = (7, 2)


def at(presence: str, cause: str, **more: Any) -> Current:
    """Session 7.2 was heard a minute ago, at 0; what is said of its presence is so since 100."""
    return Current(1, presence=presence, presence_cause=cause, presence_since=100, seen_at=50, heard_at=50, **more)


def known(presence: str, cause: str) -> Current:
    return at(presence, cause, status="Idle", status_at=50, session_boot=7, session_n=2, in_session=True)


STATES: Final[dict[str, Callable[[], Current]]] = {
    "online": lambda: known("online", "heard"),
    "stale": lambda: known("stale", "silent"),
    "gone": lambda: msgspec.structs.replace(known("offline", "status"), status_at=100),
    "disabled": lambda: known("offline", "disabled"),
    "never": lambda: Current(1),
}
EVENTS: Final[dict[str, tuple[Telemetry | Status, int]]] = {
    "sample": (Telemetry(), 200),
    "late sample": (Telemetry(), 20),
    "heartbeat": (Status("Idle", session=SESSION), 200),
    "bare heartbeat": (Status("Idle"), 200),
    "late status": (Status("Idle"), 20),
    "will": (Status("offline", session=SESSION), 200),
    "bare will": (Status("offline"), 200),
    "older will": (Status("offline", session=(7, 1)), 200),
    "next session": (Status("Idle", session=(7, 3)), 200),
    "next boot": (Status("Idle", session=(9, 1)), 200),
}
"""What is said, and its time in the order of state; all of it is received at 200."""

AFTERWARDS: Final = {
    "online": dict.fromkeys(EVENTS, "online 100") | dict.fromkeys(("will", "bare will"), "offline 200"),
    "stale": dict.fromkeys(EVENTS, "online 200")
    | dict.fromkeys(("will", "bare will"), "offline 200")
    | {"older will": "stale 100"},
    "gone": dict.fromkeys(EVENTS, "online 200")
    | dict.fromkeys(("late sample", "late status", "will", "bare will", "older will"), "offline 100"),
    "disabled": dict.fromkeys(EVENTS, "online 200")
    | dict.fromkeys(("late sample", "late status", "will", "bare will", "older will"), "offline 100"),
    "never": dict.fromkeys(EVENTS, "online 200")
    | dict.fromkeys(("late sample", "late status"), "online 20")
    | dict.fromkeys(("will", "bare will", "older will"), "offline 200"),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_every_state_meets_every_event(state: str, event: str) -> None:
    current = STATES[state]()
    body, order_ms = EVENTS[event]
    fold(current, body, order_ms, 200)
    assert f"{current.presence} {current.presence_since}" == AFTERWARDS[state][event]


def test_wills_of_two_boots_count_for_the_newer_only() -> None:
    current = Current(1)
    for n, body in enumerate(
        (
            Status("Idle", session=(9, 4)),
            Status("Idle", session=(3, 1)),
            Status("offline", session=(9, 4)),
            Status("offline", session=(9, 5)),
        )
    ):
        fold(current, body, n, n)
    assert current.presence == "online"
    fold(current, Status("offline", session=(3, 1)), 9, 9)
    assert (current.presence, current.presence_since, current.presence_cause) == ("offline", 9, "status")


def test_a_will_that_waited_in_the_queue_with_the_next_session_behind_it_is_over_at_once() -> None:
    """The ingest was away: both are received now, in their order."""
    current = STATES["online"]()
    fold(current, Status("offline", session=SESSION), 500, 500)
    fold(current, Status("Idle", session=(7, 3)), 500, 500)
    assert (current.presence, current.session_n) == ("online", 3)


def test_a_dead_letter_fed_in_again_is_no_sign_of_life() -> None:
    current = STATES["stale"]()
    fold(current, Telemetry(), 40, 40)
    assert (current.presence, current.seen_at) == ("stale", 50)


def test_a_will_is_nothing_heard_of_the_machine() -> None:
    current = STATES["online"]()
    fold(current, Status("offline", session=(7, 1)), 200, 200)
    assert current.seen_at == 50


class Bus(Client):
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.here = True
        self.told: list[tuple[str, Any]] = []

    @property
    def connected(self) -> bool:
        return self.here

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, expiry_s: int | None = None) -> Published:
        del qos, expiry_s
        self.told.append((topic, json.loads(payload)))
        return Published.DELIVERED


class Time:
    def __init__(self) -> None:
        self.ms = NOW

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
async def database(database: Database) -> Database:
    """Machines 1 to 3 of company 1, of which a word is expected each minute; of the third each ten minutes."""
    async with database.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=NOW)
        for number in (1, 2, 3):
            interval_s = 600 if number == 3 else 60
            await machines.add(session, 1, f"M-{number}", now_ms=NOW, expected_interval_s=interval_s)
    return database


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def bus() -> Bus:
    return Bus()  # type: ignore[abstract]  # nothing else is asked of it


@pytest.fixture
def staleness(database: Database, bus: Bus, time: Time) -> Staleness:
    return Staleness(database, bus, now_ms=time)


async def listen(database: Database, *members: int, since: int = 0, until: int = NOW + 10**9) -> None:
    """The ingest's members have been listening."""
    async with database.write() as session:
        for number in members:
            session.add(Lease(name=f"ingest-{number}", holder="a", expires_at=until, since=since))


async def say(
    database: Database, number: int, body: Telemetry | Status, *, came: int = NOW, ts: int | None = None
) -> None:
    ref = MachineRef(number, 1, f"M-{number}", 90 * 86_400_000)
    measured = came if ts is None else ts
    message = Message("t", b"{}", 1, retain=False, packet_id=1, connection=1, received_ms=came)
    item = Accepted(message, ref, body, measured, min(measured, came), body.stamp.seq or came)
    await Store(database, now_ms=lambda: came).commit([item])


async def presence(database: Database) -> dict[int, tuple[str, int, str]]:
    """Of each machine: what, since when after NOW, why."""
    columns = (MachineStatus.presence, MachineStatus.presence_since, MachineStatus.presence_cause)
    async with database.read() as session:
        rows = (await session.execute(select(MachineStatus.machine_id, *columns))).all()
    return {machine_id: (word, since - NOW, cause) for machine_id, word, since, cause in rows}


async def test_silence_of_three_intervals_is_stale_since_the_third_beat_was_missed(
    database: Database, staleness: Staleness, bus: Bus, time: Time
) -> None:
    await listen(database, 0)
    for number in (1, 2, 3):
        await say(database, number, Telemetry())
    time.ms = NOW + 3 * MINUTE - 1
    await staleness.look()
    assert {word for word, _, _ in (await presence(database)).values()} == {"online"}
    time.ms = NOW + 5 * MINUTE
    await say(database, 2, Telemetry(), came=time.ms)
    await staleness.look()
    await staleness.look()
    assert await presence(database) == {
        1: ("stale", 3 * MINUTE, "silent"),
        2: ("online", 0, "heard"),
        3: ("online", 0, "heard"),
    }
    since = iso(NOW + 3 * MINUTE)
    told = {"presence": "stale", "since": since, "cause": "silent"}
    assert bus.told == [("sunsweep/event/1/M-1/presence", told)]
    late = Telemetry(stamp=Stamp(NOW - MINUTE, 7, 1))
    await say(database, 1, late, came=time.ms + 1, ts=NOW - MINUTE)
    assert (await presence(database))[1] == ("online", 5 * MINUTE + 1, "heard")


async def test_whoever_said_farewell_was_never_heard_or_is_archived_is_not_judged(
    database: Database, staleness: Staleness, time: Time
) -> None:
    await listen(database, 0)
    await say(database, 1, Status("offline"))
    await say(database, 2, Status("Idle"))
    async with database.write() as session:
        await session.execute(update(Machine).where(Machine.id == 2).values(archived_at=NOW))
    time.ms = NOW + 60 * MINUTE
    await staleness.look()
    assert await presence(database) == {1: ("offline", 0, "status"), 2: ("online", 0, "heard")}


async def test_a_silent_machine_that_is_disabled_is_offline_and_stays_so(
    database: Database, staleness: Staleness, time: Time
) -> None:
    await listen(database, 0)
    await say(database, 1, Telemetry())
    time.ms = NOW + 60 * MINUTE
    await staleness.look()
    async with database.write() as session:
        machine = await machines.known(session, 1, "M-1", lock=True)
        await machines.change(session, machine, {"enabled": False}, now_ms=wall_clock())
        await machines.shut_out(session, machine, now_ms=time.ms)
    await staleness.look()
    assert await presence(database) == {1: ("offline", 60 * MINUTE, "disabled")}


async def test_silence_counts_only_while_every_member_listens(
    database: Database, staleness: Staleness, time: Time
) -> None:
    await say(database, 1, Telemetry())
    time.ms = NOW + 60 * MINUTE

    async def judged() -> bool:
        await staleness.look()
        return (await presence(database))[1][0] == "stale"

    assert not await judged(), "no member has ever listened"
    await listen(database, 0)
    async with database.write() as session:
        await set_state(session, "ingest_members", 2)
    assert not await judged(), "the second one has not"
    await listen(database, 1, since=NOW + 58 * MINUTE, until=NOW + 59 * MINUTE)
    assert not await judged(), "it is gone"
    async with database.write() as session:
        await session.execute(update(Lease).values(expires_at=NOW + 90 * MINUTE))
    assert not await judged(), "it began two minutes ago"
    time.ms = NOW + 61 * MINUTE
    assert await judged()
    assert (await presence(database))[1] == ("stale", 61 * MINUTE, "silent")


async def test_silence_does_not_count_while_the_broker_is_away(
    database: Database, staleness: Staleness, bus: Bus, time: Time
) -> None:
    await listen(database, 0)
    await say(database, 1, Telemetry())
    bus.here, time.ms = False, NOW + 60 * MINUTE
    await staleness.look()
    bus.here, time.ms = True, NOW + 62 * MINUTE
    await staleness.look()
    assert (await presence(database))[1][0] == "online"
    time.ms = NOW + 63 * MINUTE
    await staleness.look()
    assert (await presence(database))[1][:2] == ("stale", 63 * MINUTE)


async def test_whoever_is_heard_between_the_look_and_the_judgement_stays(database: Database) -> None:
    for number in (1, 2):
        await say(database, number, Telemetry())
    async with database.read() as session:
        silent = await repository.silent(session, beats=3, heard_ms=0, now_ms=NOW + 3 * MINUTE)
    assert [one.serial for one in silent] == ["M-1", "M-2"]
    await say(database, 2, Telemetry(), came=NOW + 3 * MINUTE)
    async with database.write() as session:
        gone = await repository.call_stale(session, silent)
    assert [one.serial for one in gone] == ["M-1"]
    assert {number: word for number, (word, _, _) in (await presence(database)).items()} == {1: "stale", 2: "online"}


async def test_a_status_that_is_delivered_again_makes_no_second_row(database: Database) -> None:
    for _ in range(2):
        await say(database, 1, Status("Running"))
    for came in (NOW + 5, NOW + 9):
        await say(database, 1, Status("Running", stamp=Stamp(NOW + 5, 7, 1)), came=came, ts=NOW + 5)
    async with database.read() as session:
        events = (await session.execute(select(StatusEvent.boot, StatusEvent.seq))).all()
    assert sorted(map(tuple, events)) == [(0, NOW), (7, 1)]


async def test_people_see_a_machine_fall_silent_and_come_back(platform: Platform) -> None:
    login = await platform.add_machine("QUIET-1")

    async def is_(word: str) -> bool:
        return bool((await platform.get("/machines/QUIET-1"))["current"]["presence"] == word)

    async with (
        platform.mqtt(login.mqtt_username, login.mqtt_password) as machine,
        platform.mqtt(BACKEND, platform.settings.mqtt_password.get_secret_value()) as bus,
    ):
        await machine.publish(topic(login, "status"), b'{"status":"Idle"}', qos=1)
        await eventually(lambda: is_("online"))
        await platform.stop_backend()
        await an_hour_ago(platform.database)
        async with viewing(platform, "QUIET-1") as viewer:
            await Staleness(platform.database, bus, now_ms=wall_clock).look()
            (shown,) = await frames(viewer, "presence", 1)
            assert (shown["data"]["presence"], shown["data"]["cause"]) == ("stale", "silent")
            assert await is_("stale")
            async with platform.watch("QUIET-1") as another:
                snapshot = (await frame(another))["data"]
            assert (snapshot["presence"], snapshot["status"]["status"]) == ("stale", "Idle")
            await platform.start_backend()
            await machine.publish(topic(login, "telemetry"), b'{"battery":13}', qos=1)
            (shown,) = await frames(viewer, "presence", 1)
            assert (shown["data"]["presence"], shown["data"]["cause"]) == ("online", "heard")
            async with platform.watch("QUIET-1") as another:
                assert (await frame(another))["data"]["presence"] == "online"


async def an_hour_ago(database: Database) -> None:
    """The machine was heard then, and the ingest has been listening since."""
    then = wall_clock() - 60 * MINUTE
    columns = ("seen_at", "heard_at", "presence_since", "status_at")
    async with database.write() as session:
        await session.execute(update(MachineStatus).values(dict.fromkeys(columns, then)))
        await session.execute(delete(Lease).where(Lease.name.startswith("ingest-")))
    await listen(database, 0, until=wall_clock() + MINUTE)
