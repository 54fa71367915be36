"""Have the broker forget what it retains under some filters."""

import asyncio
from collections.abc import Iterable
from typing import Final

from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.link import Link
from sunsweep.mqtt.port import Subscription
from sunsweep.mqtt.settings import ConnectionSettings

QUIET_S: Final = 1.0
"""No broker says which retained message was the last: it was where no other has come for so long."""


async def clear_retained(
    settings: ConnectionSettings, topic_filters: Iterable[str], *, quiet_s: float = QUIET_S
) -> set[str]:
    """The topics that were cleared; raises `MqttError` or OSError."""
    found: set[str] = set()
    heard = asyncio.Event()

    def take(topic: str) -> None:
        found.add(topic)
        heard.set()

    link = Link(settings, 0, on_messages=lambda _: None, clock_ms=lambda: 0, on_retained=take)
    async with opened(link, settings):
        await link.exchange.subscribe([Subscription(name, qos=0) for name in topic_filters], retained=True)
        await _silence(heard, quiet_s)
        topics = set(found)
        for topic in sorted(topics):
            await link.exchange.clear(topic)
    return topics


async def _silence(heard: asyncio.Event, quiet_s: float) -> None:
    try:
        while True:
            heard.clear()
            async with asyncio.timeout(quiet_s):
                await heard.wait()
    except TimeoutError:
        return
