"""Whatever is tried in whatever order: a command moves as the table says, and tells every move."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import CommandEvent, CommandRow
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.lifecycle import MAY_FOLLOW, State, change
from sunsweep.server.features.commands.service import Wish
from sunsweep.server.features.machines import service as machines

T = TypeVar("T")

NEVER_LEFT = frozenset({State.SUCCEEDED, State.FAILED, State.REJECTED})


class Life(RuleBasedStateMachine):
    """Two machines, one command of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.loop = asyncio.Runner()
        self.database = Database(f"sqlite+aiosqlite:///{Path(self.folder.name) / 'x.db'}")
        self.state = State.QUEUED
        self.told = [State.QUEUED]

    def teardown(self) -> None:
        self.do(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    @initialize()
    def give(self) -> None:
        self.do(self._give())

    @rule(state=st.sampled_from(State), foreign=st.booleans())
    def try_to_change(self, state: State, *, foreign: bool) -> None:
        machine_id = self.other_id if foreign else self.machine_id
        done = self.do(self._change(state, machine_id))
        legal = not foreign and self.state in MAY_FOLLOW[state]
        assert (done is not None) is legal
        if legal:
            self.state = state
            self.told.append(state)

    @invariant()
    def it_is_where_it_was_led_and_all_was_told(self) -> None:
        assert self.do(self._seen()) == (self.state, self.told)

    @invariant()
    def an_end_is_an_end(self) -> None:
        assert not NEVER_LEFT.intersection(self.told[:-1])

    async def _give(self) -> None:
        await upgrade(self.database)
        async with self.database.write() as session:
            await accounts.add_company(session, "Alpha", now_ms=1)
            machine, _ = await machines.add(session, 1, "A", now_ms=1)
            other, _ = await machines.add(session, 1, "B", now_ms=1)
            row, _ = await service.give(session, machine, Wish("resume", {}), user_id=None, now_ms=1)
        self.machine_id, self.other_id, self.command_id = machine.id, other.id, row.id

    async def _change(self, state: State, machine_id: int) -> object:
        async with self.database.write() as session:
            return await change(session, self.command_id, state, machine_id=machine_id, at_ms=2)

    async def _seen(self) -> tuple[str, list[str]]:
        async with self.database.read() as session:
            row = await session.get_one(CommandRow, self.command_id)
            events = await session.scalars(select(CommandEvent.state).order_by(CommandEvent.id))
            return row.state, list(events)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
