"""Whose commands go out next: a stop before the thousands of a bulk start."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sunsweep.mqtt.port import Message, Published
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import Machine, MachineStatus
from sunsweep.server.dispatch import dispatcher as dispatching
from sunsweep.server.dispatch import repository
from sunsweep.server.dispatch.dispatcher import Dispatcher
from sunsweep.server.dispatch.turns import Turns
from sunsweep.server.events import is_about_stop, wake_message
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.commands import service
from tests.support.dispatching import as_value
from tests.support.platform import eventually


def target(number: int) -> tuple[int, str]:
    return (1, f"SCM-{number}")


def test_stops_go_before_those_called_for_and_these_before_the_swept() -> None:
    turns = Turns()
    turns.sweep([target(1), target(2)])
    for number in range(3, 8):
        turns.call(target(number))
    turns.call(target(9), stop=True)
    assert turns.take(2) == [target(9)]
    assert not turns.stops
    assert turns.take(4) == [target(number) for number in range(3, 7)]
    assert turns.called
    assert turns.take(4) == [target(7)]
    assert turns
    assert turns.take(4) == [target(1), target(2)]
    assert not turns
    assert turns.take(4) == []


def test_each_stands_in_a_line_once() -> None:
    turns = Turns()
    for _ in range(3):
        turns.sweep([target(1)])
        turns.call(target(2))
        turns.call(target(3), stop=True)
    assert [turns.take(9) for _ in range(4)] == [[target(3)], [target(2)], [target(1)], []]


@pytest.mark.parametrize("command", ["emergency_stop", "stop_cleaning", "return_to_dock"])
def test_a_wake_up_tells_of_a_stop(command: str) -> None:
    assert is_about_stop(wake_message(1, "SCM-1", command)[1])


@pytest.mark.parametrize("payload", [wake_message(1, "SCM-1", "start_cleaning")[1], b"{}", b"", b"[1]", b'{"stop":7}'])
def test_what_does_not_say_so_is_none(payload: bytes) -> None:
    assert not is_about_stop(payload)


class Broker:
    """Stands in for the client."""

    connected = True

    def __init__(self) -> None:
        self.orders: list[str] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def publish(self, topic: str, _payload: bytes, *, qos: int = 0, **_: Any) -> Published:
        if qos:
            self.orders.append(topic.split("/")[3])
        return Published.DELIVERED


async def test_a_stop_does_not_wait_behind_a_bulk_start(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "AT_ONCE", 2)
    # Only what is told counts here: the first sweep would find them all, in their order.
    monkeypatch.setattr(repository, "waiting_machines", lambda *_, **__: as_value({}))
    database, broker = Database(sqlite_url), Broker()
    wakes = await ordered(database, [*["start_cleaning"] * 6, "emergency_stop"])
    client: Any = broker
    running = Dispatcher(database, lambda *_: client, now_ms=wall_clock)
    async with background(running.run()):
        await eventually(lambda: as_value(running._may_send))
        running._told([Message(*wake, 0, False, None, 1, 0) for wake in wakes])
        await eventually(lambda: as_value(len(broker.orders) == 7))
    assert broker.orders[0] == "SCM-6"
    assert sorted(broker.orders) == [f"SCM-{number}" for number in range(7)]
    await database.close()


async def ordered(database: Database, commands: list[str]) -> list[tuple[str, bytes]]:
    """Each command for a machine of its own that answers; what tells of them."""
    await upgrade(database)
    async with database.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=1)
        for number, command in enumerate(commands):
            machine = Machine(company_id=1, serial=f"SCM-{number}", created_at=1)
            session.add(machine)
            await session.flush()
            here = {"presence": "online", "presence_since": 1, "presence_cause": "said", "heard_at": 1}
            session.add(MachineStatus(machine_id=machine.id, in_session=True, **here))
            wish = service.Wish(command, {})
            await service.give(session, machine, wish, user_id=None, now_ms=wall_clock() - 10_000)
    return [wake_message(1, f"SCM-{number}", command) for number, command in enumerate(commands)]


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
