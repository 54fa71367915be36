"""A real mosquitto with users of the test's choice, and clients of ours on it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sunsweep.mqtt.backoff import Backoff
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.passwords import hash_password
from sunsweep.mqtt.port import BrokerUser, Member, Message, Rule, Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from tests.support.ports import free_port

HOST = "127.0.0.1"
PASSWORD = "not-a-secret"
SALT = "abcdefghijkl"


def login(username: str, *rules: Rule, password: str = PASSWORD) -> BrokerUser:
    """Somebody who may do that."""
    return BrokerUser(username, hash_password(password, SALT), SALT, rules)


BACKEND = login("backend", Rule("readwrite", "#"))
MACHINE_A = login("machine-a", Rule("readwrite", "company/1/machine/A/#"))
MACHINE_B = login("machine-b", Rule("readwrite", "company/1/machine/B/#"))
EVERYBODY = (BACKEND, MACHINE_A, MACHINE_B)
MEMBER = Member("ingest-0", "backend", PASSWORD, (Subscription("company/+/machine/+/telemetry"),), 3600)


def quick() -> Backoff:
    """No waiting for luck: the next attempt comes at once, but not in a circle without end."""
    return Backoff(first_s=0.02, cap_s=0.1, draw=lambda: 1.0)


@asynccontextmanager
async def running_broker(
    directory: Path, users: Iterable[BrokerUser] = EVERYBODY, members: Sequence[Member] = ()
) -> AsyncIterator[LocalBroker]:
    """Started, not supervised; stopped at the end."""
    broker = LocalBroker(directory, host=HOST, port=free_port(), backoff=quick())
    await broker.start(users, members)
    try:
        yield broker
    finally:
        await broker.stop()


class Inbox:
    """What a client was given, to be waited for."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.batches = 0
        self._news = asyncio.Event()

    def take(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)
        self.batches += 1
        self._news.set()

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    async def holds(self, count: int, *, within_s: float = 30.0) -> list[Message]:
        """The first `count` messages, as soon as they are there."""
        async with asyncio.timeout(within_s):
            while len(self.messages) < count:
                self._news.clear()
                await self._news.wait()
        return self.messages[:count]


def settings_for(port: int, username: str, *, client_id: str = "") -> ConnectionSettings:
    """A clean session, at a broker of the test."""
    return ConnectionSettings(host=HOST, port=port, username=username, password=PASSWORD, client_id=client_id)


def as_member(port: int, member: Member = MEMBER) -> ConnectionSettings:
    """The member itself, with its session."""
    settings = settings_for(port, member.username, client_id=member.client_id)
    return replace(settings, clean_start=False, session_expiry_s=member.session_expiry_s)


@asynccontextmanager
async def running(client: MqttClient) -> AsyncIterator[asyncio.Task[None]]:
    """The client's `run`, cancelled at the end."""
    task = asyncio.create_task(client.run(), name="client of a test")
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def connected(
    settings: ConnectionSettings, *filters: str, inbox: Inbox | None = None
) -> AsyncIterator[MqttClient]:
    """A client whose subscriptions stand."""
    client = MqttClient(
        settings,
        subscriptions=[Subscription(topic_filter) for topic_filter in filters],
        on_messages=(inbox or Inbox()).take,
        backoff=quick(),
    )
    async with running(client):
        async with asyncio.timeout(30):
            await client.wait_connected()
        yield client


async def until(check: Callable[[], object], *, within_s: float = 30.0) -> None:
    """Returns as soon as `check` is true; fails when the time is up."""
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.01)
