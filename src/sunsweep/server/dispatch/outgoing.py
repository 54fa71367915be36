"""Publishes commands to machines, many at once."""

import asyncio
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Final

import structlog
from msgspec import json

from sunsweep.contract.codec import encode_command
from sunsweep.contract.payloads import Command
from sunsweep.contract.topics import Channel, Event, EventTopic, MachineTopic
from sunsweep.mqtt.port import Client, MqttError, NotConnectedError, Published
from sunsweep.server.clock import Clock
from sunsweep.server.dispatch.repository import Item
from sunsweep.server.dispatch.timing import is_bare, is_over, life_s
from sunsweep.server.tracing import span

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S: Final = 10.0
"""A broker that has not acknowledged by then keeps nobody else's commands waiting; the outcome is unknown."""
IN_FLIGHT: Final = 20
"""As many as mosquitto takes unacknowledged: whoever waits does so here, before he is looked at, not in the client."""


class Unsent(StrEnum):
    """Why a command certainly did not go out."""

    LATE = "not sent in time"
    WITHHELD = "held back before it went out; it waits again"


Said = Published | Unsent | None
"""None: nobody knows whether the broker has it."""


class Outgoing:
    """Each command once. `may_send`: whether this process may still publish, asked right before each publish."""

    def __init__(self, client: Client, *, may_send: Callable[[], bool], now_ms: Clock) -> None:
        self._client = client
        self._may_send = may_send
        self._now_ms = now_ms

    async def publish_all(self, items: Collection[Item]) -> list[tuple[Item, Said]]:
        """Many are on their way at once, and all of them together have `ANSWER_WITHIN_S`."""
        window = asyncio.Semaphore(IN_FLIGHT)
        until_s = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
        said = await asyncio.gather(*(self._publish_in_time(item, window, until_s) for item in items))
        return list(zip(items, said, strict=True))

    async def _publish_in_time(self, item: Item, window: asyncio.Semaphore, until_s: float) -> Said:
        said: Said = Unsent.WITHHELD
        try:
            # One moment for all: nobody's place comes free for another who could then only begin.
            async with asyncio.timeout_at(until_s), window:
                if is_over(item.row, now_ms=self._now_ms()):
                    return Unsent.LATE
                if self._may_send():
                    said = None
                    said = await self.publish(item)
        except (MqttError, TimeoutError) as error:
            words = str(error) or "no answer"
            log.warning("a command waits: the broker takes nothing", command_id=item.row.id, error=words)
        return said

    async def publish(self, item: Item) -> Published:
        """Raises `MqttError`."""
        row, machine = item.row, item.machine
        payload = encode_command(Command(row.command, json.decode(row.params), row.id, row.issued_at, row.expires_at))
        topic = str(MachineTopic(machine.company_id, machine.serial, Channel.COMMAND))
        expiry_s = life_s(row, now_ms=self._now_ms(), bare=is_bare(item.status))
        with span("publish command", command=row.command, command_id=row.id):
            published = await self._client.publish(topic, payload, qos=1, expiry_s=expiry_s)
        if published is Published.DELIVERED:
            await self._show(EventTopic(machine.company_id, machine.serial, Event.COMMAND), payload)
        return published

    async def _show(self, topic: EventTopic, payload: bytes) -> None:
        """The viewers' `command` frame is the JSON on the wire."""
        try:
            await self._client.publish(str(topic), payload)
        except NotConnectedError:
            return
