"""The broker's clients: the backend's, by its own port, and the machine's, by the words of aiomqtt."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Final

from aiomqtt import Message as MachineMessage
from aiomqtt import MqttError as MachineMqttError
from aiomqtt import Will

from sunsweep.machine.config import MachineConfig
from sunsweep.mqtt.port import Message, MqttError, NotConnectedError, OnMessages, Published, Subscription
from tests.commands.broker import Connection, Delivery, Packet, acknowledge, publish, subscribe
from tests.commands.loop import PROCESS, Point, Process, come_to

AGAIN_S: Final = 0.7
IN_HAND: ContextVar[Delivery | None] = ContextVar("IN_HAND", default=None)
"""What the machine's program has been given last, in the task that obeys it."""


def own_process() -> Process:
    process = PROCESS.get()
    assert process is not None
    return process


class _Answers:
    """Futures that end with their connection."""

    def __init__(self, error: Callable[[], Exception]) -> None:
        self._open: set[asyncio.Future[Any]] = set()
        self._error = error

    async def wait(self, ask: Callable[[asyncio.Future[Any]], None]) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._open.add(answer)
        try:
            ask(answer)
            return await answer
        finally:
            self._open.discard(answer)

    def end(self) -> None:
        for answer in self._open:
            if not answer.done():
                answer.set_exception(self._error())


class BackendClient:
    """`sunsweep.mqtt.port.Client`, over the broker of the process's world."""

    def __init__(
        self, subscriptions: Iterable[Subscription], on_messages: OnMessages, *, name: str, session: bool = False
    ) -> None:
        self._process = own_process()
        self._filters = [subscription.topic_filter for subscription in subscriptions]
        self._on_messages = on_messages
        self._name = name
        self._session = session
        self._connection: Connection | None = None
        self._number = 0
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._answers = _Answers(lambda: NotConnectedError("the connection ended"))

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def run(self) -> None:
        while True:
            with suppress(MqttError):
                await self._live()
            await asyncio.sleep(AGAIN_S)

    async def wait_connected(self) -> None:
        await self._up.wait()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, expiry_s: int | None = None) -> Published:
        if qos:
            await come_to(Point.PUBLISH)
        connection, packet = self._standing(), self._packet(topic, payload, qos, expiry_s)
        if not qos:
            connection.send(publish(packet, None))
            return Published.DELIVERED
        published: Published = await self._answers.wait(lambda answer: connection.send(publish(packet, answer)))
        await come_to(Point.PUBACK)
        return published

    async def publish_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for topic, payload in messages:
            await self.publish(topic, payload)

    async def subscribe(self, *subscriptions: Subscription) -> None:
        filters = [subscription.topic_filter for subscription in subscriptions]
        self._filters += filters
        await self._answers.wait(lambda answer: self._standing().send(subscribe(filters, answer)))

    async def unsubscribe(self, *topic_filters: str) -> None:
        self._filters = [wanted for wanted in self._filters if wanted not in topic_filters]

    def acknowledge(self, messages: Iterable[Message]) -> None:
        ids = [m.packet_id for m in messages if m.connection == self._number and m.packet_id is not None]
        if self._connection is not None:
            self._connection.send(acknowledge(ids))

    def pause_reading(self) -> None:
        """Nothing here comes so fast."""

    def resume_reading(self) -> None:
        """Nothing here was paused."""

    def _packet(self, topic: str, payload: bytes, qos: int, expiry_s: int | None) -> Packet:
        return Packet(topic, payload, qos, None if expiry_s is None else self._process.world.loop.time() + expiry_s)

    def _standing(self) -> Connection:
        if self._connection is None:
            raise NotConnectedError("there is no connection")
        return self._connection

    async def _live(self) -> None:
        self._lost.clear()
        self._number += 1
        connection: Connection = self._process.world.broker.connect(
            self._process,
            self._name,
            session=self._session,
            filters=self._filters,
            on_packet=self._arrived,
            on_lost=self._lost.set,
        )
        self._connection = connection
        self._up.set()
        try:
            await self._lost.wait()
        finally:
            connection.leave(farewell=True)
            self._up.clear()
            self._connection = None
            self._answers.end()

    def _arrived(self, delivery: Delivery) -> None:
        packet = delivery.packet
        self._on_messages(
            [
                Message(
                    packet.topic,
                    packet.payload,
                    packet.qos,
                    False,
                    delivery.packet_id,
                    self._number,
                    self._process.world.now_ms(),
                )
            ]
        )


class MachineClient:
    """What the machine's program asks of `aiomqtt.Client`."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self._inbox: asyncio.Queue[Delivery | None] = asyncio.Queue()
        self._answers = _Answers(lambda: MachineMqttError("the connection ended"))
        self._broken = False

    def arrived(self, delivery: Delivery) -> None:
        self._inbox.put_nowait(delivery)

    def lost(self) -> None:
        self._broken = True
        self._answers.end()
        self._inbox.put_nowait(None)

    async def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        filters = [topic for topic, _ in topics]
        await self._ask(lambda answer: self._standing().send(subscribe(filters, answer)))

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0) -> None:
        packet = Packet(topic, payload, qos)
        if qos:
            await self._ask(lambda answer: self._standing().send(publish(packet, answer)))
        else:
            self._standing().send(publish(packet, None))

    @property
    def messages(self) -> AsyncIterator[MachineMessage]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[MachineMessage]:
        while (delivery := await self._inbox.get()) is not None:
            IN_HAND.set(delivery)
            packet = delivery.packet
            properties: Any = SimpleNamespace()
            if delivery.expires_in_s is not None:
                properties.MessageExpiryInterval = delivery.expires_in_s
            yield MachineMessage(packet.topic, packet.payload, packet.qos, False, 0, properties)
        raise MachineMqttError("the connection ended")

    async def _ask(self, ask: Callable[[asyncio.Future[Any]], None]) -> None:
        self._standing()
        await self._answers.wait(ask)

    def _standing(self) -> Connection:
        if self._broken or self.connection is None:
            raise MachineMqttError("there is no connection")
        return self.connection


@asynccontextmanager
async def dial(config: MachineConfig, _endpoint: object, will: Will, **_: object) -> AsyncIterator[MachineClient]:
    """In the place of `sunsweep.machine.connection.connected`."""
    process = own_process()
    slot = process.world.slots[config.machine_id]
    client = MachineClient()
    farewell = Packet(will.topic, bytes(will.payload), will.qos)  # type: ignore[arg-type]  # our wills are bytes
    try:
        client.connection = slot.connect(process, on_packet=client.arrived, on_lost=client.lost, will=farewell)
    except NotConnectedError as error:
        raise MachineMqttError(str(error)) from error
    try:
        yield client
    finally:
        client.connection.leave(farewell=True)
