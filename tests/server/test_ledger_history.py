"""The ledger under any course of events, against a model of sets, on both databases."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sunsweep.contract.payloads import LossAccount, Result, ResultState, Stamp, Status, Telemetry
from sunsweep.contract.refusal import Reason
from sunsweep.mqtt.port import Message
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Company, LedgerBoot, Machine
from sunsweep.server.db.state import set_state
from sunsweep.server.features.ledger import service
from sunsweep.server.features.ledger.account import Account
from sunsweep.server.features.ledger.check import check
from sunsweep.server.features.ledger.repository import machine_names
from sunsweep.server.ingest.messages import Accepted, Decoded, MachineRef, Rejected
from sunsweep.server.ingest.store import Store
from sunsweep.server.jobs.close import GRACE_MS, Closing

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
START = 20_000 * DAY_MS + 22 * HOUR_MS
BOOTS = (7, 8)
SEQS = 12


class Sample(NamedTuple):
    """A numbered message of a channel, measured some hours ago."""

    channel: str
    boot: int
    seq: int
    hours_ago: int


class Bare(NamedTuple):
    hours_ago: int


class Refusal(NamedTuple):
    boot: int
    seq: int
    reason: Reason


class Told(NamedTuple):
    """A status with an account of loss."""

    boot: int
    seq: int
    lost: tuple[int, int, int]
    ended: tuple[int, int]


class Again(NamedTuple):
    """What came at that place comes once more."""

    place: int


class Pass(NamedTuple):
    hours: int


class Close(NamedTuple):
    """The hours are closed, and the job is killed before it counts them."""


class Count(NamedTuple):
    """The job closes the hours, counts them, and counts anew what is marked."""


boots = st.sampled_from(BOOTS)
seqs = st.integers(1, SEQS)
hours_ago = st.integers(0, 60)
events = st.one_of(
    st.builds(Sample, st.sampled_from(["telemetry", "status", "result"]), boots, seqs, hours_ago),
    st.builds(Bare, hours_ago),
    st.builds(Refusal, boots, seqs, st.sampled_from([Reason.BAD_FIELD, Reason.TOO_LATE])),
    st.builds(Told, boots, seqs, st.tuples(boots, seqs, seqs), st.tuples(boots, st.integers(0, SEQS + 3))),
    st.builds(Again, st.integers(0, 50)),
    st.builds(Pass, st.integers(1, 30)),
    st.builds(Close),
    st.builds(Count),
)


@dataclass
class Model:
    """What the ledger must say of a boot."""

    stored: set[int] = field(default_factory=set)
    rejected: dict[int, str] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    end: int | None = None

    def parts(self) -> tuple[int, set[int], dict[int, str], set[int], set[int]]:
        rejected = {seq: reason for seq, reason in self.rejected.items() if seq not in self.stored}
        given_up = self.lost - self.stored - set(rejected)
        settled = self.stored | set(rejected) | given_up
        last = max(settled | {self.end or 0})
        return last, self.stored, rejected, given_up, set(range(1, last + 1)) - settled


def parts(account: Account) -> tuple[int, set[int], dict[int, str], set[int], set[int]]:
    stored, given_up, missing = (
        {number for first, last in found for number in range(first, last + 1)}
        for found in (account.stored, account.given_up, account.missing)
    )
    rejected = {number: reason for first, last, reason in account.rejected for number in range(first, last + 1)}
    return account.last, stored, rejected, given_up, missing


class Course:
    """A machine of its own, and what becomes of it."""

    def __init__(self, database: Database, machine_id: int) -> None:
        # Courses do not meet, for hours close for all machines at once.
        self._start = START + machine_id * 400 * DAY_MS
        self.now_ms = self._start
        self.models = {boot: Model() for boot in BOOTS}
        self.bare = 0
        self._database = database
        self._machine = MachineRef(machine_id, 1, f"SCM-{machine_id}", 90 * DAY_MS)
        self._store = Store(database, now_ms=lambda: self.now_ms)
        self._said: list[tuple[Decoded, Any]] = []
        self._numbers = count(1)

    async def begin(self) -> None:
        async with self._database.write() as session:
            await session.merge(Company(id=1, name="Alpha", created_at=0))
            session.add(Machine(id=self._machine.id, company_id=1, serial=self._machine.serial, created_at=0))
            for name in ("closed_until", "rolled_until"):
                await set_state(session, name, self._start)

    async def happen(self, event: Any) -> None:
        match event:
            case Pass(hours):
                self.now_ms += hours * HOUR_MS + 60_000
            case Close():
                await self._close()
            case Count():
                await self.count()
            case Again(place):
                if self._said:
                    await self._store.commit([self._said[place % len(self._said)][0]])
            case _:
                item = self._decoded(event)
                self._said.append((item, event))
                await self._store.commit([item])
                self._learn(event)

    def _decoded(self, event: Any) -> Decoded:
        message = Message("t", b"{}", 1, retain=False, packet_id=1, connection=1, received_ms=self.now_ms)
        match event:
            case Refusal(boot, seq, reason):
                return Rejected(message, self._machine, reason, "", (boot, seq))
            case Bare(hours):
                ts = self.now_ms - hours * HOUR_MS
                return Accepted(message, self._machine, Telemetry(), ts, ts, 2**60 + next(self._numbers))
            case Told(boot, seq, lost, ended):
                stamp = Stamp(self.now_ms, boot, seq)
                body: Any = Status("Idle", stamp=stamp, account=LossAccount(lost=[lost], ended=[ended]))
            case Sample(channel, boot, seq, hours):
                stamp = Stamp(self.now_ms - hours * HOUR_MS, boot, seq)
                word = Result("01890a5d-ac96-774b-bcce-b302099a8057", ResultState.RUNNING, stamp=stamp)
                body = {"telemetry": Telemetry(stamp=stamp), "status": Status("Idle", stamp=stamp), "result": word}[
                    channel
                ]
        assert stamp.ts_ms is not None
        return Accepted(message, self._machine, body, stamp.ts_ms, stamp.ts_ms, stamp.seq)

    def _learn(self, event: Any) -> None:
        match event:
            case Sample(_, boot, seq, _):
                self.models[boot].stored.add(seq)
            case Bare():
                self.bare += 1
            case Refusal(boot, seq, reason):
                rejected = self.models[boot].rejected
                rejected[seq] = min(rejected.get(seq, reason), reason)
            case Told(boot, seq, (of, a, b), (ended, last)):
                self.models[boot].stored.add(seq)
                self.models[of].lost |= set(range(min(a, b), max(a, b) + 1))
                # The first word on a boot's end stands.
                if self.models[ended].end is None:
                    self.models[ended].end = last

    async def _close(self) -> None:
        until = (self.now_ms - GRACE_MS) // HOUR_MS * HOUR_MS
        async with self._database.write() as session:
            await set_state(session, "closed_until", max(until, self._start))

    async def count(self) -> None:
        await Closing(self._database, now_ms=lambda: self.now_ms, pause_s=0).run()

    async def accounts(self) -> tuple[dict[int, Account], int]:
        """As they are read; and the rows without a number."""
        async with self._database.snapshot() as snapshot:
            found = await service.outline(snapshot, self._machine.id, now_ms=self.now_ms)
            read = await service.accounts(snapshot, self._machine.id, found.places, found.fresh)
        return {boot: boot_account.account for boot, boot_account in read}, found.unnumbered

    async def totals(self) -> dict[int, tuple[int, ...]]:
        """As they were counted last."""
        row = LedgerBoot
        query = select(row.boot, row.last_seq, row.stored, row.rejected, row.given_up, row.missing)
        async with self._database.read() as session:
            found = (await session.execute(query.where(row.machine_id == self._machine.id))).all()
        return {boot: tuple(rest) for boot, *rest in found}

    async def compare(self) -> None:
        accounts, unnumbered = await self.accounts()
        for boot, model in self.models.items():
            expected = model.parts()
            assert parts(accounts[boot]) == expected if boot in accounts else expected[0] == 0
        assert unnumbered == self.bare

    async def compare_totals(self) -> None:
        """Those of the last count; and a recount agrees with it."""
        found = await self.totals()
        for boot, model in self.models.items():
            last, *rest = model.parts()
            assert found.get(boot, (0, 0, 0, 0, 0)) == (last, *map(len, rest))
        async with self._database.read() as session:
            machines = await machine_names(session, 1, self._machine.serial)
        (checked,) = [one async for one in check(self._database, machines, now_ms=lambda: self.now_ms)]
        assert (checked.disagreements, checked.unnumbered) == ([], self.bare)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@pytest.mark.parametrize("examples", [8, pytest.param(400, marks=[pytest.mark.prove, pytest.mark.timeout(900)])])
def test_whatever_happens_every_number_is_accounted_for_once(
    database_url: str, runner: asyncio.Runner, examples: int
) -> None:
    database = Database(database_url)
    runner.run(upgrade(database))
    machine_ids = count(1)

    @settings(max_examples=examples)
    @given(st.lists(events, max_size=14))
    @example([Told(7, 1, (8, 1, 3), (8, 5))])
    @example([Count(), Told(7, 1, (8, 2, 3), (8, 5)), Pass(2), Count(), Told(7, 2, (8, 4, 4), (7, 9))])
    @example(
        [Sample("telemetry", 7, 1, 0), Pass(30), Count(), Sample("telemetry", 7, 2, 30), Refusal(7, 3, Reason.TOO_LATE)]
    )
    @example(
        [Sample("telemetry", 7, 1, 0), Sample("telemetry", 7, 1, 1), Sample("status", 7, 1, 40), Bare(40), Close()]
    )
    def courses(course_of_events: list[Any]) -> None:
        runner.run(_play(Course(database, next(machine_ids)), course_of_events))

    try:
        courses()
    finally:
        runner.run(database.close())


async def _play(course: Course, course_of_events: list[Any]) -> None:
    await course.begin()
    for event in course_of_events:
        await course.happen(event)
    await course.compare()
    await course.happen(Pass(1))
    await course.count()
    await course.compare()
    await course.compare_totals()
