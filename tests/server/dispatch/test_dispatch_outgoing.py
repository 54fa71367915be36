"""Many commands at once: each is looked at right before its own publish, and one that stalls holds up no other."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sunsweep.mqtt.port import Client, Published
from sunsweep.server.db.models import CommandRow, Machine
from sunsweep.server.dispatch import outgoing
from sunsweep.server.dispatch.outgoing import IN_FLIGHT, Outgoing, Said, Unsent
from sunsweep.server.dispatch.repository import Item
from sunsweep.server.features.catalogue.effects import effects

NOW_MS = 1_800_000_000_000
NUMBER = 3 * IN_FLIGHT


class Broker:
    """Stands in for the client; `at` is done at a command's publish, by the number of those before it."""

    connected = True

    def __init__(self, at: Callable[[int], Any] = lambda _: None) -> None:
        self._at = at
        self.begun = 0
        self.under_way = self.most_under_way = 0

    async def publish(self, *_: Any, qos: int = 0, **__: Any) -> Published:
        if qos == 0:
            return Published.DELIVERED
        number, self.begun = self.begun, self.begun + 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if asyncio.iscoroutine(waits := self._at(number)):
            await waits
        await asyncio.sleep(0)
        self.under_way -= 1
        return Published.DELIVERED


class World:
    """What the lease and the clock say."""

    may_send, now_ms = True, NOW_MS

    async def publish(self, broker: Broker, order: str = "start_cleaning") -> list[Said]:
        client: Client = broker  # type: ignore[assignment]
        out = Outgoing(client, may_send=lambda: self.may_send, now_ms=lambda: self.now_ms)
        return [said for _, said in await out.publish_all([item(number, order) for number in range(NUMBER)])]


def item(number: int, order: str) -> Item:
    expires_at = None if order == "stop_cleaning" else NOW_MS + 1000
    row = CommandRow(id=str(number), command=order, params="{}", issued_at=NOW_MS, expires_at=expires_at)
    return Item(row, Machine(company_id=1, serial=f"SCM-{number}"), None, effects())


async def test_all_go_out_and_no_more_are_under_way_than_a_broker_takes() -> None:
    broker = Broker()
    assert await World().publish(broker) == [Published.DELIVERED] * NUMBER
    assert broker.most_under_way == IN_FLIGHT


async def test_whose_time_runs_out_while_others_are_published_does_not_go_out() -> None:
    world = World()

    def late(number: int) -> None:
        if number == IN_FLIGHT:
            world.now_ms += 1000

    said = await world.publish(Broker(late))
    assert said == [Published.DELIVERED] * (IN_FLIGHT + 1) + [Unsent.LATE] * (NUMBER - IN_FLIGHT - 1)


async def test_a_stop_is_never_late() -> None:
    world = World()
    world.now_ms += 86_400_000
    assert await world.publish(Broker(), "stop_cleaning") == [Published.DELIVERED] * NUMBER


async def test_from_the_loss_of_the_lease_on_nothing_goes_out() -> None:
    world = World()

    def lost(number: int) -> None:
        world.may_send = number < 4

    broker = Broker(lost)
    said = await world.publish(broker)
    assert said == [Published.DELIVERED] * 5 + [Unsent.WITHHELD] * (NUMBER - 5)
    assert broker.begun == 5


async def test_one_that_stalls_holds_up_no_other_and_its_outcome_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "ANSWER_WITHIN_S", 2.0)
    said = await World().publish(Broker(lambda number: asyncio.Event().wait() if number == 3 else None))
    assert said == [None if number == 3 else Published.DELIVERED for number in range(NUMBER)]


async def test_what_is_still_behind_a_broker_that_stalls_has_certainly_not_gone_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing, "ANSWER_WITHIN_S", 2.0)
    said = await World().publish(Broker(lambda _: asyncio.Event().wait()))
    assert said == [None] * IN_FLIGHT + [Unsent.WITHHELD] * (NUMBER - IN_FLIGHT)
