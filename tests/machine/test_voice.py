"""Leaving at any moment."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sunsweep.contract.payloads import Status
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.downlink import Downlink
from sunsweep.machine.outbox import MemoryOutbox
from sunsweep.machine.uplink import Uplink
from sunsweep.machine.voice import Voice
from tests.machine.fakes import FakeClock

TOPIC = MachineTopic(1, "M-1", Channel.STATUS)


class SlowBroker:
    """An MQTT client whose second publish is answered when the test says so; it waits as the library does."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.asked = asyncio.Event()
        self.publishes = 0
        self.messages = self._nothing()

    async def subscribe(self, *_: object) -> None:
        return

    async def publish(self, *_: object, **__: object) -> None:
        self.publishes += 1
        if self.publishes == 2:
            self.asked.set()
            await asyncio.wait_for(self.answer.wait(), timeout=10)

    async def _nothing(self) -> Any:
        await asyncio.Event().wait()
        yield SimpleNamespace()


@pytest.mark.parametrize("ticks", range(6))
async def test_a_farewell_that_meets_the_answer_to_a_heartbeat(ticks: int) -> None:
    broker, outbox = SlowBroker(), MemoryOutbox(1)
    uplink = Uplink(outbox, FakeClock(), topic=TOPIC, receipts=True)

    async def obey(delivery: object) -> None:
        return

    voice = Voice(
        TOPIC,
        outbox=outbox,
        uplink=uplink,
        downlink=Downlink(TOPIC, on_command=obey, on_receipt=lambda _: None),
        status=Status,
        on_connected=lambda: None,
        heartbeat_s=0.01,
    )
    speaking = asyncio.create_task(voice.run(broker))  # type: ignore[arg-type]  # as much of a client as it uses
    await broker.asked.wait()
    broker.answer.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    speaking.cancel()
    await asyncio.wait([speaking], timeout=2)
    assert speaking.cancelled()
