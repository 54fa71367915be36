"""Whatever is given, answered, closed and taken back in whatever order: what is said of stops always holds."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from sunsweep.contract.commands import ENDED, STOP_RANK, Order
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.errors import SunsweepError
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.lifecycle import MAY_FOLLOW, State, change
from sunsweep.server.features.commands.many import give_to_many
from sunsweep.server.features.commands.service import Wish
from sunsweep.server.features.machines import service as machines

T = TypeVar("T")


class Giving(RuleBasedStateMachine):
    """One machine, which says nothing of itself; its commands, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.loop = asyncio.Runner()
        self.database = Database(f"sqlite+aiosqlite:///{Path(self.folder.name) / 'x.db'}")
        self.rows: list[CommandRow] = []
        self.now_ms = 1

    def teardown(self) -> None:
        self.do(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    @initialize()
    def begin(self) -> None:
        self.machine = self.do(self._begin())

    @rule(command=st.sampled_from(list(Order)), many=st.booleans())
    def give(self, command: str, *, many: bool) -> None:
        before = list(self.rows)
        was_given = self.do(self._given(command, many=many))
        self.rows = self.do(self._stored())
        assert len(self.rows) == len(before) + was_given
        assert was_given is self._may_give(command, before)
        if was_given:
            assert (self.rows[-1].command, self.rows[-1].state) == (command, State.QUEUED)
            assert self.rows[-1].holds == STOP_RANK.get(command, 0)

    @precondition(lambda self: self.rows)
    @rule(which=st.integers(0, 3), state=st.sampled_from(State))
    def lead(self, which: int, state: State) -> None:
        row = self.rows[-1 - which % len(self.rows)]
        done = self.do(self._changed(row, state))
        assert done is (row.state in MAY_FOLLOW[state])
        self.rows = self.do(self._stored())

    @precondition(lambda self: self.rows)
    @rule(which=st.integers(0, 3))
    def close(self, which: int) -> None:
        row = self.rows[-1 - which % len(self.rows)]
        done = self.do(self._closed(row))
        assert done is (row.holds > 0 and row.state in (State.UNCONFIRMED, State.ACCEPTED, State.RUNNING))
        self.rows = self.do(self._stored())
        (now,) = [found for found in self.rows if found.id == row.id]
        assert (now.holds, now.state) == ((0 if done else row.holds), row.state)

    @invariant()
    def one_stop_is_open_at_most_and_it_has_not_ended(self) -> None:
        open_ = [row for row in self.rows if row.holds]
        assert len(open_) <= 1
        assert all(row.holds == STOP_RANK[row.command] and row.state not in ENDED for row in open_)

    @invariant()
    def no_start_waits_that_is_older_than_a_stop(self) -> None:
        stops = [number for number, row in enumerate(self.rows) if row.command in STOP_RANK]
        starts = [number for number, row in enumerate(self.rows) if row.command not in STOP_RANK]
        waiting = [number for number in starts if self.rows[number].state == State.QUEUED]
        assert not stops or not waiting or min(waiting) > max(stops)

    def _may_give(self, command: str, rows: list[CommandRow]) -> bool:
        rank, open_rank = STOP_RANK.get(command, 0), max((row.holds for row in rows), default=0)
        confirmed = [n for n, row in enumerate(rows) if (row.command, row.state) == (Order.EMERGENCY_STOP, "succeeded")]
        led_out = [
            n for n, row in enumerate(rows) if row.command == Order.RESET and row.state in ("succeeded", "unconfirmed")
        ]
        in_force = bool(confirmed) and (not led_out or max(led_out) < max(confirmed))
        return open_rank <= rank and (not in_force or command in (Order.EMERGENCY_STOP, Order.RESET))

    async def _begin(self) -> Machine:
        await upgrade(self.database)
        async with self.database.write() as session:
            await accounts.add_company(session, "Alpha", now_ms=1)
            machine, _ = await machines.add(session, 1, "A", now_ms=1)
        return machine

    async def _given(self, command: str, *, many: bool) -> bool:
        self.now_ms += 1
        by: dict[str, Any] = {"user_id": None, "key_id": None, "now_ms": self.now_ms}
        async with self.database.write() as session:
            if many:
                return bool((await give_to_many(session, [self.machine], Wish(command, {}), **by)).rows)
            try:
                await service.give(session, self.machine, Wish(command, {}), **by)
            except SunsweepError:
                return False
        return True

    async def _changed(self, row: CommandRow, state: State) -> bool:
        self.now_ms += 1
        async with self.database.write() as session:
            if state is State.QUEUED:
                by: dict[str, Any] = {"reason": "nobody listens", "now_ms": self.now_ms}
                return await service.back_to_queue(session, self.machine, row.id, **by) is not None
            more: dict[str, Any] = {"sent_at": self.now_ms} if state is State.SENT else {}
            done = await change(session, row.id, state, machine_id=row.machine_id, at_ms=self.now_ms, **more)
        return done is not None

    async def _closed(self, row: CommandRow) -> bool:
        self.now_ms += 1
        async with self.database.write() as session:
            try:
                await service.close(session, self.machine, row.id, by="somebody", now_ms=self.now_ms)
            except SunsweepError:
                return False
        return True

    async def _stored(self) -> list[CommandRow]:
        async with self.database.read() as session:
            return list(await session.scalars(select(CommandRow).order_by(CommandRow.id)))


TestGiving = Giving.TestCase
TestGiving.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
