"""Leases, members, partitions, retention, counting, queues and logins, on both databases: each shown red."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import BrokerSync, CommandRow, DirtyHour, LoginToKick, MachineStatus, TelemetryRow
from sunsweep.server.db.seats import member_id
from sunsweep.server.db.state import set_state
from sunsweep.server.doctor import following, history, queues
from sunsweep.server.doctor.duties import LEASES, MEMBERS
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.history import COUNTING, PARTITIONS, RETENTION
from sunsweep.server.doctor.logins import LOGINS
from sunsweep.server.doctor.queues import QUEUES
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.jobs.partition import make_partitions_ahead
from tests.doctor.conftest import start_broker
from tests.doctor.looking import later, levels, look, told
from tests.support.platform import Platform, eventually
from tests.support.ports import free_port


async def test_a_backend_that_runs_is_well_and_one_that_has_stopped_is_not(
    brokered: Platform, around: Surroundings
) -> None:
    await brokered.start_backend()

    async def all_held() -> bool:
        return levels([*await look(MEMBERS, around), *await look(LEASES, around)]) == {Level.OK}

    await eventually(all_held, within_s=30)
    await brokered.stop_backend()
    minutes = replace(around, now_ms=later(0.001))
    (unheld,) = told(await look(MEMBERS, minutes), Level.FAILS)
    assert f"nobody has read through {member_id(0)} for 1." in unheld
    assert [words.partition(":")[0] for words in told(await look(LEASES, minutes), Level.FAILS)] == [
        "nobody runs dispatch",
        "nobody runs jobs",
    ]


async def test_a_member_that_nobody_ever_held_is_told(quiet: Platform, around: Surroundings) -> None:
    (words,) = told(await look(MEMBERS, around), Level.FAILS)
    assert words.startswith("nobody has read through ingest-0 ever")


async def test_members_on_the_local_broker_are_told(quiet: Platform, around: Surroundings) -> None:
    async with quiet.database.write() as session:
        await set_state(session, "ingest_members", 2)
    (words,) = told(await look(MEMBERS, around), Level.WARNING)
    assert "2 members, and no EMQX" in words


@pytest.mark.parametrize(
    ("weeks", "level"), [(0, Level.OK), (2.5, Level.WARNING), (4.5, Level.FAILS), (9, Level.FAILS)]
)
@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
async def test_partitions_that_nobody_makes_run_out(around: Surroundings, weeks: float, level: Level) -> None:
    (words,) = told(await look(PARTITIONS, around), Level.FAILS)
    assert words.startswith("telemetry has no partition for today")
    await make_partitions_ahead(around.database, now_ms=wall_clock)
    assert levels(await look(PARTITIONS, replace(around, now_ms=later(7 * weeks)))) == {level}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlite_has_no_partitions(around: Surroundings) -> None:
    assert levels(await look(PARTITIONS, around)) == {Level.OK}


async def test_rows_that_should_be_gone_are_told(quiet: Platform, around: Surroundings) -> None:
    await make_partitions_ahead(quiet.database, now_ms=wall_clock)
    assert levels(await look(RETENTION, around)) == {Level.OK}
    await quiet.add_machine("SCM-1")
    row = {"machine_id": 1, "ts": wall_clock(), "boot": 0, "seq": 1, "flags": 0, "received_at": wall_clock()}
    async with quiet.database.write() as session:
        await session.execute(insert(TelemetryRow).values(**row))
    assert levels(await look(RETENTION, replace(around, now_ms=later(90)))) == {Level.OK}
    (words,) = told(await look(RETENTION, replace(around, now_ms=later(120))), Level.WARNING)
    assert words == "raw measurements of 120 d ago are still there; 90 days are kept"


@pytest.mark.parametrize(("hours", "level"), [(0.5, Level.OK), (5, Level.WARNING), (30, Level.FAILS)])
async def test_counting_that_falls_behind_is_told(
    quiet: Platform, around: Surroundings, hours: float, level: Level
) -> None:
    async with quiet.database.write() as session:
        await set_state(session, "rolled_until", wall_clock() - round(hours * 3_600_000))
    assert levels(await look(COUNTING, around)) == {level}


async def test_hours_to_be_counted_again_are_told(
    quiet: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with quiet.database.write() as session:
        await set_state(session, "rolled_until", wall_clock())
        await session.execute(insert(DirtyHour), [{"machine_id": 1, "hour": hour * 3_600_000} for hour in range(3)])
    (words,) = told(await look(COUNTING, around), Level.OK)
    assert "3 hours to be counted again" in words
    monkeypatch.setattr(history, "_MARKS", 2)
    assert told(await look(COUNTING, around), Level.WARNING) == ["3 hours of machines are to be counted again"]


async def heard(platform: Platform, *, ago_ms: int) -> None:
    """A machine that is online, and when it was stored last."""
    await platform.add_machine("SCM-1")
    at = wall_clock() - ago_ms
    status = {"presence": "online", "presence_since": at, "presence_cause": "status", "heard_at": at, "seen_at": at}
    async with platform.database.write() as session:
        await session.execute(insert(MachineStatus).values(machine_id=1, in_session=False, past_boots="[]", **status))


async def test_machines_that_speak_and_are_not_stored_are_told(quiet: Platform, around: Surroundings) -> None:
    assert "no machine has said anything yet" in told(await look(QUEUES, around), Level.OK)
    await heard(quiet, ago_ms=1000)
    assert told(await look(QUEUES, around), Level.FAILS) == []
    (words,) = told(await look(QUEUES, replace(around, now_ms=later(0.01))), Level.FAILS)
    assert "the last word of a machine was stored 14" in words


async def test_commands_that_do_not_leave_are_told(quiet: Platform, around: Surroundings) -> None:
    await heard(quiet, ago_ms=0)
    now_ms = wall_clock()
    order: dict[str, Any] = {
        "command": "pause",
        "params": "{}",
        "state": "queued",
        "reason": "",
        "sends": 0,
        "holds": 0,
    }
    async with quiet.database.write() as session:
        row = {"id": "x", "company_id": 1, "machine_id": 1, "issued_at": now_ms, "changed_at": now_ms}
        await session.execute(insert(CommandRow).values(**order, **row))
    assert "waiting for their machines: 1 command" in told(await look(QUEUES, around), Level.OK)
    (words,) = told(await look(QUEUES, replace(around, now_ms=later(0.001))), Level.WARNING)
    assert words.startswith("1 command for machines that are online have waited")


async def test_the_ingest_s_own_page_is_read(brokered: Platform, around: Surroundings) -> None:
    await brokered.start_web()
    await brokered.start_backend()

    async def told_there() -> list[str]:
        return [one for one in told(await look(QUEUES, around), Level.OK) if "within an ingest" in one]

    (words,) = await eventually(told_there)
    assert words.startswith("waiting within an ingest: 0 messages")


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [
        ("sunsweep_ingest_store_away 1", Level.FAILS, "the database takes nothing"),
        ('sunsweep_ingest_stuck{stage="commit"} 1', Level.FAILS, "does not move: commit"),
        ("sunsweep_ingest_refusal_alarm 1", Level.WARNING, "send what is refused"),
        ('sunsweep_ingest_inbox_messages{member="0"} 7', Level.OK, "7 messages, the oldest for 0 ms"),
    ],
)
async def test_what_an_ingest_says_of_itself(name: str, level: Level, words: str) -> None:
    kind = name.partition("{")[0].partition(" ")[0]
    page = queues.read_page(f"# HELP {kind} x\n# TYPE {kind} gauge\n{name}\n")
    (finding,) = queues._of_page(page)
    assert finding.level is level
    assert words in finding.words


async def test_a_page_that_is_named_and_away_is_told(around: Surroundings) -> None:
    url = f"http://127.0.0.1:{free_port()}/metrics"
    (words,) = told(await look(QUEUES, replace(around, metrics_urls=(url,))), Level.FAILS)
    assert words.startswith(f"{url} does not answer")


async def test_a_broker_that_does_not_follow_the_logins_is_told(quiet: Platform, around: Surroundings) -> None:
    assert levels(await look(LOGINS, around)) == {Level.UNKNOWN}
    assert levels(await look(LOGINS, replace(around, folder=Path("data")))) == {Level.FAILS}
    await start_broker(quiet)
    assert told(await look(LOGINS, around), Level.OK) == ["the local broker has taken every login"]
    await quiet.stop_sync()
    (words,) = told(await look(LOGINS, replace(around, now_ms=later(1))), Level.FAILS)
    assert words == "nobody has kept the local broker's logins for 1 d"


async def test_a_runner_that_lives_and_lags_is_told(
    quiet: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with quiet.database.write() as session:
        await session.execute(update(BrokerSync).values(wanted=9, applied=7, runner_seen_at=wall_clock() + 60_000))

    async def too_slow(*_: Any, **__: Any) -> bool:
        return False

    monkeypatch.setattr(following, "wait_applied", too_slow)
    monkeypatch.setattr(following, "TRIES", 1)
    assert told(await look(LOGINS, around), Level.FAILS) == ["the local broker is 2 changes of logins behind"]


async def test_lost_logins_that_are_still_connected_are_told(brokered: Platform, around: Surroundings) -> None:
    await brokered.stop_sync()
    async with brokered.database.write() as session:
        await session.execute(insert(LoginToKick).values(username="m-0", asked_at=wall_clock() - 60_000))
    (words,) = told(await look(LOGINS, around), Level.FAILS)
    assert words.startswith("1 login taken away")


async def test_a_database_without_a_schema_is_no_riddle(quiet: Platform, around: Surroundings) -> None:
    async with quiet.database.write() as session:
        await session.execute(text("DROP TABLE lease"))
    (finding,) = await look(MEMBERS, around)
    assert finding.level is Level.UNKNOWN
    assert "lease" in finding.words
