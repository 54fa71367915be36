"""One connection to the broker, made to try something out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.link import Link
from sunsweep.mqtt.port import Message, MqttError, NotAuthorisedError, NotConnectedError, Subscription
from sunsweep.mqtt.settings import ConnectionSettings, settings_from_url
from sunsweep.server.settings import BackendSettings

CONNECT_S: Final = 5.0
ANSWER_S: Final = 5.0


class Peer:
    """Remembers what it hears."""

    def __init__(self, link: Link, heard: list[tuple[str, bytes]], news: asyncio.Event) -> None:
        self._link = link
        self._heard = heard
        self._news = news

    async def may_listen(self, topic_filter: str) -> bool:
        """Whether the broker grants it; some grant everything, and hand nothing out."""
        return await _allowed(lambda: self._link.exchange.subscribe([Subscription(topic_filter, 0)]))

    async def may_say(self, topic: str, words: bytes) -> bool:
        """Whether the broker takes it; of some that is no word yet on whether it hands it out."""
        return await _allowed(lambda: self._link.exchange.publish(topic, words, qos=1, expiry_s=None))

    def has_heard(self, topic: str, words: bytes) -> bool:
        return (topic, words) in self._heard

    async def hears(self, topic: str, words: bytes) -> bool:
        """Whether it comes within a few seconds."""
        try:
            async with asyncio.timeout(ANSWER_S):
                while not self.has_heard(topic, words):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True


async def _allowed(ask: Callable[[], object]) -> bool:
    """A refusal, and a connection that the broker ends for it, as EMQX does; raises `TimeoutError`, `MqttError`."""
    try:
        async with asyncio.timeout(ANSWER_S):
            await ask()  # type: ignore[misc]  # both hand out a coroutine
    except (NotAuthorisedError, NotConnectedError):
        return False
    return True


def address(settings: BackendSettings) -> ConnectionSettings:
    """Where the broker is, for nobody yet; raises OSError for a CA file that cannot be read."""
    where = settings_from_url(settings.mqtt_url, ca_file=settings.mqtt_ca_file)
    return replace(where, connect_timeout_s=CONNECT_S, username=None, password=None)


def as_(where: ConnectionSettings, username: str | None, password: str | None, client_id: str) -> ConnectionSettings:
    """The same broker for this login."""
    return replace(where, username=username, password=password, client_id=client_id)


@asynccontextmanager
async def connected(settings: ConnectionSettings) -> AsyncIterator[Peer]:
    """Raises OSError, `RefusedError`, `NotConnectedError`."""
    heard: list[tuple[str, bytes]] = []
    news = asyncio.Event()

    def take(messages: Sequence[Message]) -> None:
        heard.extend((message.topic, bytes(message.payload)) for message in messages)
        news.set()

    link = Link(settings, 0, on_messages=take, clock_ms=lambda: 0)
    async with opened(link, settings):
        yield Peer(link, heard, news)


async def is_let_in(settings: ConnectionSettings) -> bool:
    """Whether the broker takes this login; raises OSError where nobody answers."""
    try:
        async with connected(settings):
            return True
    except MqttError:
        return False
