"""Everything there is between a person and a drive, in one loop: what may happen to it are the verbs."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from sunsweep.mqtt.port import OnMessages, Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import CommandEvent, CommandResult, CommandRow, MachineStatus
from sunsweep.server.dispatch.dispatcher import KEEP_ALIVE_S, Dispatcher
from sunsweep.server.errors import SunsweepError
from sunsweep.server.events import wake_message
from sunsweep.server.features.commands import service
from sunsweep.server.features.commands.lifecycle import State
from sunsweep.server.features.commands.service import Wish
from sunsweep.server.features.machines.service import known as known_machine
from sunsweep.server.ingest.pipeline import Ingest
from tests.commands.broker import Broker, Packet
from tests.commands.clients import BackendClient, own_process
from tests.commands.database import StepDatabase
from tests.commands.loop import Point, Process, VirtualLoop
from tests.commands.machines import COMPANY, BareMachine, RealMachine, Slot
from tests.commands.verdict import Verdict

T = TypeVar("T")

BEGIN_MS: Final = 1_800_000_000_000
REST_S: Final = 130.0
REST_STEP_S: Final = 5.0
RETENTION_DAYS: Final = 90
PERSON: Final = 1

_databases: list[StepDatabase] = []
"""Not in use: each has its statements compiled already."""


class Given(NamedTuple):
    """A command that the service has taken."""

    id: str
    slot: Slot
    command: str


class World:
    """A broker, an ingest, up to two dispatchers, a real machine and a bare one, over a copy of `template`."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.loop = VirtualLoop()
        self._folder = folder
        self._path = folder / "sunsweep.db"
        shutil.copy(template, self._path)
        self._used: list[StepDatabase] = []
        self._databases: dict[Process, StepDatabase] = {}
        self._processes: list[Process] = []
        self._ahead_ms = 0
        self._leapt_ms = 0
        self.verdict = Verdict(self)
        self.broker = Broker(self.loop, on_routed=self.verdict.routed)
        self.given: list[Given] = []
        self.closed: set[str] = set()
        self.real = RealMachine(self, "REAL", 1, folder)
        self.bare = BareMachine(self, "BARE", 2)
        self.slots: dict[str, Slot] = {slot.serial: slot for slot in (self.real, self.bare)}
        self.dispatchers: list[Process | None] = [None, None]
        self.ingest: Process | None = None
        self._api = self._database()

    # Time.

    def true_ms(self) -> int:
        """What a clock shows that is right."""
        return BEGIN_MS + self._leapt_ms + round(self.loop.time() * 1000)

    def now_ms(self) -> int:
        """The backend's wall clock."""
        return self.true_ms() + self._ahead_ms

    def set_clock(self, ahead_ms: int) -> None:
        """The backend's clock steps to so much before the true time."""
        self._ahead_ms = ahead_ms

    def leap(self, ms: int) -> None:
        """Everybody's clock steps, and nobody has lived through it."""
        self._leapt_ms += ms

    def run(self, seconds: float) -> None:
        self._do(_sleep(seconds))

    # Processes.

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> Process:
        process = Process(self.loop, name, world=self)
        self._processes.append(process)
        task = process.spawn(work)
        task.add_done_callback(lambda done: self._ended(process, done))
        return process

    def start_dispatcher(self, which: int) -> None:
        if self.dispatchers[which] is None:
            self.dispatchers[which] = self.begin(f"dispatch-{which}", self._dispatch())

    def start_ingest(self) -> None:
        if self.ingest is None:
            self.ingest = self.begin("ingest", self._ingest())

    def pause(self, process: Process) -> None:
        """SIGSTOP. What it has written is under way; the broker waits for its keep-alive."""
        process.freeze()
        since_s = process.frozen_at_s = self.loop.time()
        for connection in [c for c in self.broker.connections if c.process is process]:

            def look(connection: Any = connection) -> None:
                if process.frozen and process.frozen_at_s == since_s:
                    connection.close()

            self.loop.call_later(1.5 * KEEP_ALIVE_S, look, context=Context())

    def kill(self, process: Process) -> None:
        """SIGKILL: what is committed and what is written stays."""
        process.dead = True
        process.freeze()
        if process in self._databases:
            self._databases[process].kill()
        for connection in [c for c in self.broker.connections if c.process is process]:
            connection.leave(farewell=False)
        self.dispatchers = [None if held is process else held for held in self.dispatchers]
        self.ingest = None if self.ingest is process else self.ingest

    def stop_at(self, process: Process, point: Point, count: int, *, kill: bool) -> None:
        """Pause or kill it when it comes to `point` for the `count`-th time."""
        then: Callable[[Process], None] = self.kill if kill else self.pause
        process.arm(point, count, lambda: then(process))

    # People.

    def give(self, slot: Slot, command: str, *, expires_in_s: int | None = None, wake: bool = True) -> str:
        """The new id, or why there is none."""
        return self._do(self._give(slot, command, expires_in_s, wake=wake))

    def cancel(self, given: Given) -> None:
        self._do(self._cancel(given))

    def close_stop(self, given: Given) -> None:
        if self._do(self._close_stop(given)):
            self.closed.add(given.id)

    # What is known.

    def rows(self) -> list[CommandRow]:
        return self._do(self._rows(select(CommandRow).order_by(CommandRow.id)))

    def results(self) -> list[CommandResult]:
        return self._do(self._rows(select(CommandResult)))

    def events(self) -> list[CommandEvent]:
        return self._do(self._rows(select(CommandEvent).order_by(CommandEvent.id)))

    def status(self, slot: Slot) -> MachineStatus:
        rows: list[MachineStatus] = self._do(
            self._rows(select(MachineStatus).where(MachineStatus.machine_id == slot.machine_id))
        )
        return rows[0]

    # The end.

    def heal(self) -> None:
        """Everything runs, and everything reaches everything."""
        self.broker.start()
        for process in [*self.dispatchers, self.ingest]:
            if process is not None:
                process.thaw()
        self.start_ingest()
        self.start_dispatcher(0)
        for slot in self.slots.values():
            slot.release()
            if not slot.running:
                slot.start()

    def come_to_rest(self) -> None:
        """Until nothing is under way any more; what is under way for longer is for the verdict."""
        while not all(slot.connected for slot in self.slots.values()):
            self.run(REST_STEP_S)  # a machine that has tried for long tries ever less often
        for _ in range(round(REST_S / REST_STEP_S)):
            self.run(REST_STEP_S)
            if not self.real.owes and not any(self._is_under_way(row) for row in self.rows()):
                break
        self.run(REST_STEP_S)

    def _is_under_way(self, row: CommandRow) -> bool:
        return row.state in {State.QUEUED, State.SENT} or row.holds > 0

    def close(self) -> None:
        """End every task, also those of processes that were killed, and hear of none any more."""
        self.verdict.over = True
        for database in self._used:
            database.kill()
        for process in self._processes:
            process.dead = True
            process.thaw()
        for _ in range(100):
            if not (tasks := [task for process in self._processes for task in process.tasks if not task.done()]):
                break
            for task in tasks:
                task.cancel()
            self.run(0.1)
        assert not tasks
        self.loop.close()
        _databases.extend(self._used)
        self._used.clear()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def _ended(self, process: Process, task: Any) -> None:
        if not process.dead and not task.cancelled() and task.exception() is not None:
            self.loop.troubles.append(f"{process.name} ended: {task.exception()!r}")

    def _database(self) -> StepDatabase:
        database = _databases.pop() if _databases else StepDatabase()
        self._used.append(database)
        return database.open(self._path)

    def _own_database(self) -> Database:
        database = self._database()
        self._databases[own_process()] = database
        return database

    async def _dispatch(self) -> None:
        name = own_process().name

        def connect(subscriptions: tuple[Subscription, ...], on_messages: OnMessages) -> BackendClient:
            return BackendClient(subscriptions, on_messages, name=f"{name}-{len(self._processes)}")

        await Dispatcher(self._own_database(), connect, now_ms=self.now_ms).run()

    async def _ingest(self) -> None:
        nowhere = ConnectionSettings(host="broker")
        await Ingest(self._own_database(), nowhere, retention_days=RETENTION_DAYS, now_ms=self.now_ms).run()

    async def _give(self, slot: Slot, command: str, expires_in_s: int | None, *, wake: bool) -> str:
        wish = Wish(command, {}, expires_in_s)
        try:
            async with self._api.write() as unit:
                machine = await known_machine(unit, COMPANY, slot.serial, lock=True)
                row, _ = await service.give(unit, machine, wish, user_id=PERSON, now_ms=self.now_ms())
        except SunsweepError as error:
            return error.code
        except DBAPIError:
            return "database_away"
        self.given.append(Given(row.id, slot, command))
        if wake:
            self.broker.route(Packet(*wake_message(COMPANY, slot.serial, command), 0))
        return row.id

    async def _cancel(self, given: Given) -> None:
        with suppress(SunsweepError, DBAPIError):
            async with self._api.write() as unit:
                machine = await known_machine(unit, COMPANY, given.slot.serial, lock=True)
                await service.cancel(unit, machine, given.id, now_ms=self.now_ms())

    async def _close_stop(self, given: Given) -> bool:
        with suppress(SunsweepError, DBAPIError):
            async with self._api.write() as unit:
                machine = await known_machine(unit, COMPANY, given.slot.serial, lock=True)
                await service.close(unit, machine, given.id, by="a person", now_ms=self.now_ms())
            return True
        return False

    async def _rows(self, query: Any) -> list[Any]:
        async with self._api.read() as session:
            return list((await session.scalars(query)).all())


def ingest_client(_settings: object, *, subscriptions: Any, on_messages: OnMessages, **_: object) -> BackendClient:
    """In the place of `MqttClient` in the ingest."""
    return BackendClient(subscriptions, on_messages, name="ingest-0", session=True)


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)
