"""Recounting: what the ledger and the roll-ups say beside what the raw rows say."""

from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from typing import NamedTuple

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from sqlalchemy import delete, insert, update

from sunsweep.contract.limits import MAX_SEQ
from sunsweep.contract.times import iso
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import (
    Company,
    DeadLetter,
    DirtyHour,
    LedgerBoot,
    LedgerDay,
    LedgerEnd,
    LedgerLoss,
    Machine,
    StatusEvent,
    TelemetryHour,
    TelemetryRow,
)
from sunsweep.server.db.state import set_state
from sunsweep.server.features.ledger.check import Checked, check
from sunsweep.server.features.ledger.fold import fold_day
from sunsweep.server.features.ledger.repository import DAY_MS, HOUR_MS, machine_names
from sunsweep.server.jobs.ledger_metrics import measure_ledger

DAYS = 10
FIRST = 20_000 * DAY_MS
NOW = FIRST + DAYS * DAY_MS + 5 * HOUR_MS
BOOT = 7
COMPANIES = count(1)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def sample(machine_id: int, ts: int, seq: int, *, boot: int = BOOT) -> TelemetryRow:
    return TelemetryRow(machine_id=machine_id, ts=ts, boot=boot, seq=seq, flags=0, received_at=ts)


def rolled(machine_id: int, hour: int, count: int) -> TelemetryHour:
    nobody = dict.fromkeys((f"{field}_count" for field in ("battery", "solar_v", "solar_a", "water")), 0)
    return TelemetryHour(machine_id=machine_id, start=hour, count=count, **nobody)


def times(day: int) -> list[int]:
    """Of a day's samples: one every eight hours."""
    return [FIRST + day * DAY_MS + hour * HOUR_MS + 5 for hour in (0, 8, 16)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(module_url: str) -> AsyncIterator[Database]:
    """Hours before `NOW` are closed and counted."""
    opened = Database(module_url)
    await upgrade(opened)
    async with opened.write() as session:
        for name in ("closed_until", "rolled_until"):
            await set_state(session, name, NOW)
    yield opened
    await opened.close()


class Fleet(NamedTuple):
    """Two machines of a company of their own."""

    database: Database
    company_id: int
    one: int
    other: int


@pytest_asyncio.fixture(loop_scope="module")
async def fleet(database: Database) -> Fleet:
    """Ten days closed and counted and one begun; number 5 was rejected, 10 is missing, and so is all of boot 8."""
    company_id = next(COMPANIES)
    found = Fleet(database, company_id, company_id * 10 + 1, company_id * 10 + 2)
    async with database.write() as session:
        session.add(Company(id=company_id, name=f"Company {company_id}", created_at=0))
        await session.flush()
        for machine_id, serial in ((found.one, "SCM-1"), (found.other, "SCM-2")):
            session.add(Machine(id=machine_id, company_id=company_id, serial=serial, created_at=0))
            seqs = (seq for seq in range(1, 3 * DAYS + 10) if seq not in (5, 10, 15))
            instants = [ts for day in range(DAYS + 1) for ts in times(day) if ts < NOW]
            session.add_all(sample(machine_id, ts, next(seqs)) for ts in instants)
            session.add_all(rolled(machine_id, ts // HOUR_MS * HOUR_MS, 1) for ts in instants)
            session.add_all([status(machine_id, FIRST + 9, 15), letter(machine_id, FIRST + 7, 5)])
            session.add(LedgerEnd(machine_id=machine_id, boot=8, last_seq=4))
    async with database.transaction() as connection:
        for day in range(DAYS + 1):
            await fold_day(connection, found[2:], FIRST + day * DAY_MS, now_ms=NOW)
    return found


def status(machine_id: int, ts: int, seq: int) -> StatusEvent:
    return StatusEvent(machine_id=machine_id, ts=ts, boot=BOOT, seq=seq, flags=0, received_at=ts)


def letter(machine_id: int, at: int, seq: int) -> DeadLetter:
    words = {"topic": "t", "payload": b"", "size": 0, "reason": "bad_field", "detail": ""}
    return DeadLetter(company_id=1, machine_id=machine_id, boot=BOOT, seq=seq, received_at=at, **words)


async def checked(fleet: Fleet, serial: str | None = None) -> list[Checked]:
    async with fleet.database.read() as session:
        machines = await machine_names(session, fleet.company_id, serial)
    return [found async for found in check(fleet.database, machines, now_ms=lambda: NOW)]


async def wrong(fleet: Fleet) -> list[tuple[str, int | None, str | None, str, str]]:
    """(machine, boot, start, counted, found) of each disagreement."""
    return [
        (one.machine_id, one.boot, one.start, one.counted, one.found)
        for found in await checked(fleet)
        for one in found.disagreements
    ]


async def test_what_was_counted_well_agrees(fleet: Fleet) -> None:
    found = await checked(fleet)
    assert [one.disagreements for one in found] == [[], []]
    assert Counter((one.boots, *one.totals, one.unnumbered) for one in found) == {(2, 32, 1, 0, 5, 0): 2}
    (alone,) = await checked(fleet, "SCM-2")
    assert alone == found[1]


async def test_a_row_that_is_gone_is_noticed(fleet: Fleet) -> None:
    ts = times(3)[1]
    async with fleet.database.write() as session:
        await session.execute(
            delete(TelemetryRow).where(
                TelemetryRow.machine_id == fleet.one, TelemetryRow.ts >= ts, TelemetryRow.ts <= ts
            )
        )
    day, hour = iso(FIRST + 3 * DAY_MS), iso(ts // HOUR_MS * HOUR_MS)
    assert await wrong(fleet) == [
        ("SCM-1", BOOT, day, "3 rows, stored 12-14", "2 rows, stored 12-12 14-14"),
        ("SCM-1", None, hour, "1 rows", "nothing"),
    ]


async def test_a_row_that_came_without_a_mark_is_noticed(fleet: Fleet) -> None:
    async with fleet.database.write() as session:
        session.add_all(
            [sample(fleet.one, FIRST + 8 * DAY_MS, 77, boot=9), letter(fleet.other, FIRST + 9 * DAY_MS, 10)]
        )
    start = FIRST + 8 * DAY_MS
    found = await wrong(fleet)
    assert [one[:3] for one in found] == [
        ("SCM-1", 9, iso(start)), ("SCM-1", None, iso(start)), ("SCM-2", BOOT, iso(start + DAY_MS)),
    ]  # fmt: skip
    assert found[0][3:] == ("nothing", "1 rows, stored 77-77")
    assert found[2][4].endswith("rejected 10-10-bad_field")


async def test_what_was_counted_of_nothing_is_noticed(fleet: Fleet) -> None:
    async with fleet.database.write() as session:
        session.add(
            LedgerDay(machine_id=fleet.one, boot=9, day=FIRST - DAY_MS, count=1, stored="[[1,1]]", rejected="[]")
        )
        nothing = dict.fromkeys(("rejected", "given_up", "missing"), 0)
        session.add(LedgerBoot(machine_id=fleet.one, boot=9, last_seq=1, stored=1, counted_at=NOW, **nothing))
        session.add(rolled(fleet.other, FIRST - 5 * HOUR_MS, 4))
    assert await wrong(fleet) == [
        ("SCM-1", 9, iso(FIRST - DAY_MS), "1 rows, stored 1-1", "nothing"),
        ("SCM-2", None, iso(FIRST - 5 * HOUR_MS), "4 rows", "nothing"),
    ]


async def test_totals_that_are_not_those_of_the_days_are_noticed(fleet: Fleet) -> None:
    async with fleet.database.write() as session:
        mine = (LedgerBoot.machine_id == fleet.one, LedgerBoot.boot == BOOT)
        await session.execute(update(LedgerBoot).where(*mine).values(stored=5))
        await session.execute(delete(LedgerBoot).where(LedgerBoot.machine_id == fleet.other, LedgerBoot.boot == 8))
        await session.execute(delete(LedgerBoot).where(LedgerBoot.machine_id == fleet.other, LedgerBoot.boot == BOOT))
    right = "last 34, stored 32, rejected 1, given up 0, missing 1"
    assert await wrong(fleet) == [
        ("SCM-1", BOOT, None, right.replace("stored 32", "stored 5"), right),
        ("SCM-2", BOOT, None, "nothing", right),
    ]


async def test_what_waits_to_be_counted_is_no_disagreement(fleet: Fleet) -> None:
    late = FIRST + 4 * DAY_MS + 3 * HOUR_MS
    async with fleet.database.write() as session:
        session.add_all(
            [sample(fleet.one, late, 10), sample(fleet.one, NOW + 5, 99), DirtyHour(machine_id=fleet.one, hour=late)]
        )
    assert await wrong(fleet) == []
    assert (await checked(fleet))[0].totals == (34, 1, 0, 99 - 35 + 4)


async def test_what_was_purged_is_not_compared(fleet: Fleet) -> None:
    bound = FIRST + 6 * DAY_MS
    async with fleet.database.write() as session:
        await session.execute(
            delete(TelemetryRow).where(TelemetryRow.machine_id.in_(fleet[2:]), TelemetryRow.ts < bound)
        )
    assert len(await wrong(fleet)) == 2 * 6 * 4
    async with fleet.database.write() as session:
        await session.execute(update(Company).where(Company.id == fleet.company_id).values(raw_since=bound))
        session.add(DirtyHour(machine_id=fleet.one, hour=FIRST))
    assert await wrong(fleet) == []
    assert {one.totals for one in await checked(fleet)} == {(32, 1, 0, 5)}


async def test_a_recount_forgets_what_is_gone(fleet: Fleet) -> None:
    day = FIRST + 2 * DAY_MS
    async with fleet.database.write() as session:
        gone = (TelemetryRow.machine_id == fleet.one, TelemetryRow.ts >= day, TelemetryRow.ts < day + DAY_MS)
        await session.execute(delete(TelemetryRow).where(*gone))
        session.add(DirtyHour(machine_id=fleet.one, hour=day))
    assert (await checked(fleet, "SCM-1"))[0].totals == (29, 1, 0, 8)
    async with fleet.database.transaction() as connection:
        await fold_day(connection, [fleet.one], day, now_ms=NOW)
        await connection.execute(delete(DirtyHour).where(DirtyHour.machine_id == fleet.one))
    assert (await checked(fleet, "SCM-1"))[0].totals == (29, 1, 0, 8)


async def test_long_lists_are_cut_in_its_words(fleet: Fleet) -> None:
    async with fleet.database.write() as session:
        session.add_all(sample(fleet.one, FIRST + DAY_MS + seq, seq) for seq in range(100, 140, 2))
        await session.execute(delete(TelemetryHour).where(TelemetryHour.machine_id == fleet.one))
    (found,) = [one for one in await wrong(fleet) if one[1] == BOOT]
    assert found[4].endswith("and 12 ranges more")


async def test_boots_that_claim_the_greatest_numbers_are_summed(fleet: Fleet) -> None:
    rows = [
        {"machine_id": fleet.one, "boot": boot, "last_seq": MAX_SEQ, "missing": MAX_SEQ, "counted_at": NOW}
        for boot in range(100, 1200)
    ]
    others = dict.fromkeys(("stored", "rejected", "given_up"), 0)
    async with fleet.database.write() as session:
        await session.execute(insert(LedgerBoot), [row | others for row in rows])
    await measure_ledger(fleet.database)
    assert figures()["missing"] == pytest.approx(1100 * MAX_SEQ)
    async with fleet.database.write() as session:
        await session.execute(delete(LedgerBoot).where(LedgerBoot.machine_id == fleet.one))


async def test_the_platform_s_figures_are_those_of_the_last_count(fleet: Fleet) -> None:
    await measure_ledger(fleet.database)
    before = figures()
    assert before["incomplete"] >= 4
    async with fleet.database.transaction() as connection:
        await connection.execute(insert(LedgerLoss).values(machine_id=fleet.one, boot=8, first_seq=1, last_seq=4))
        await fold_day(connection, [fleet.one], FIRST, now_ms=NOW)
    await measure_ledger(fleet.database)
    after = figures()
    assert {name: after[name] - before[name] for name in after} == {
        "stored": 0, "rejected": 0, "given_up": 4, "missing": -4, "incomplete": -1
    }  # fmt: skip


def figures() -> dict[str, float]:
    """As Prometheus would read them."""
    states = ("stored", "rejected", "given_up", "missing")
    found = {state: REGISTRY.get_sample_value("sunsweep_ledger_messages", {"state": state}) for state in states}
    found["incomplete"] = REGISTRY.get_sample_value("sunsweep_ledger_boots_incomplete")
    return {name: value for name, value in found.items() if value is not None}
