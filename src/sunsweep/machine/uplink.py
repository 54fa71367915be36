"""Outbox to broker, in order, as far as the window allows."""

import asyncio
from typing import Final

from aiomqtt import Client

from sunsweep.contract.topics import MachineTopic
from sunsweep.machine.outbox import Outbox
from sunsweep.machine.ports import Clock
from sunsweep.machine.window import Sending, Window

_SHORTEST_WAIT_S: Final = 0.05


class Uplink:
    """`news` is set by whoever put something into the outbox or took something out.

    While nobody knows the date, nothing numbered goes out.
    """

    def __init__(self, outbox: Outbox, clock: Clock, *, topic: MachineTopic, receipts: bool) -> None:
        self.news = asyncio.Event()
        self._tries: dict[int, int] = {}
        self.window = Window(outbox, tries=self._tries)
        self._outbox = outbox
        self._clock = clock
        self._topic = topic
        self._receipts = receipts

    def new_connection(self) -> None:
        """Nothing counts as sent any more."""
        self.window = Window(self._outbox, tries=self._tries)
        self.news.set()

    def receipted(self) -> None:
        """A receipt has emptied the outbox a little."""
        self.window.opened(self._clock.monotonic_s())
        self.news.set()

    async def run(self, client: Client) -> None:
        """Send until the connection breaks (`MqttError`)."""
        while True:
            self.news.clear()
            while self._clock.synchronised and (sendings := self.window.due(self._clock.monotonic_s())):
                await self._send(client, sendings)
            await self._idle()

    async def _send(self, client: Client, sendings: list[Sending]) -> None:
        """All of them at once; tasks start in order, so they are on the wire in order."""
        async with asyncio.TaskGroup() as group:
            for sending in sendings:
                group.create_task(self._publish(client, sending), name=f"publish-{sending.entry.order}")

    async def _publish(self, client: Client, sending: Sending) -> None:
        entry, qos = sending
        topic = str(self._topic._replace(channel=entry.channel))
        await client.publish(topic, entry.payload, qos=qos)
        if qos > 0 and not self._receipts:
            self._outbox.forget(entry.order)

    async def _idle(self) -> None:
        wait_s = max(_SHORTEST_WAIT_S, self.window.wait_s(self._clock.monotonic_s()))
        try:
            async with asyncio.timeout(wait_s):
                await self.news.wait()
        except TimeoutError:
            return
