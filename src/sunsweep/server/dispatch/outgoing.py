"""Publishes commands to machines, many at once."""

import asyncio
from collections.abc import Collection
from typing import Final

import structlog
from msgspec import json

from sunsweep.contract.codec import encode_command
from sunsweep.contract.payloads import Command
from sunsweep.contract.topics import Channel, Event, EventTopic, MachineTopic
from sunsweep.mqtt.port import Client, MqttError, NotConnectedError, Published
from sunsweep.server.clock import Clock
from sunsweep.server.dispatch.repository import Item
from sunsweep.server.dispatch.timing import is_bare, life_s
from sunsweep.server.tracing import span

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S: Final = 10.0
"""A broker that has not acknowledged by then keeps nobody else's commands waiting; the outcome is unknown."""


class Outgoing:
    """Each command once; what the broker said, or None where nobody knows."""

    def __init__(self, client: Client, *, now_ms: Clock) -> None:
        self._client = client
        self._now_ms = now_ms

    async def publish_all(self, items: Collection[Item]) -> list[tuple[Item, Published | None]]:
        """All of them are written before the broker has answered for the first."""
        said = await asyncio.gather(*(self._publish_or_none(item) for item in items))
        return list(zip(items, said, strict=True))

    async def _publish_or_none(self, item: Item) -> Published | None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self.publish(item)
        except (MqttError, TimeoutError) as error:
            words = str(error) or "no answer"
            log.warning("a command waits: the broker takes nothing", command_id=item.row.id, error=words)
            return None

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
