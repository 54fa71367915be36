"""A broker in memory: sessions, wills, Message Expiry, and roads to its clients that may stall or end."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import partial
from typing import Any, Final, NamedTuple

from aiomqtt import Topic

from sunsweep.mqtt.port import NotConnectedError, Published
from tests.commands.loop import Process, VirtualLoop

LATENCY_S: Final = 0.02
UNNOTICED_S: Final = 45.0
"""After which both ends of a connection notice that it is none any more: one and a half keep-alives."""


class Packet(NamedTuple):
    """A message in the broker; `good_until_s` by the loop's clock."""

    topic: str
    payload: bytes
    qos: int
    good_until_s: float | None = None


class Delivery(NamedTuple):
    """A message on its way out; the broker has stopped counting its expiry when it wrote it."""

    packet: Packet
    expires_in_s: int | None
    packet_id: int | None


class Word(NamedTuple):
    """An answer of the broker's: `say` is called on the client's side."""

    say: Callable[[], object]


Item = Delivery | Word


class Pipe:
    """First in, first out, each a while later."""

    def __init__(self, loop: VirtualLoop, take: Callable[[Any], None]) -> None:
        self._loop = loop
        self._take = take
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._loop.call_later(LATENCY_S, self._next, context=Context())

    def clear(self) -> None:
        self._items.clear()

    def _next(self) -> None:
        if self._items:
            self._take(self._items.popleft())


class Road:
    """From the broker to one client. Stalled, it takes everything and brings nothing."""

    def __init__(self, loop: VirtualLoop, arrives: Callable[[Item], None]) -> None:
        self._pipe = Pipe(loop, arrives)
        self.stalled = False
        self.waiting: list[Item] = []

    def put(self, item: Item) -> None:
        if self.stalled:
            self.waiting.append(item)
        else:
            self._pipe.put(item)

    def stall(self) -> None:
        self.stalled = True

    def turn_round(self) -> None:
        """What waits first will come last."""
        self.waiting.reverse()

    def release(self) -> None:
        self.stalled = False
        for item in self.waiting:
            self._pipe.put(item)
        self.waiting.clear()

    def clear(self) -> None:
        self._pipe.clear()
        self.waiting.clear()


class Session:
    """What an ingest has not acknowledged waits for it."""

    def __init__(self, filters: Sequence[str]) -> None:
        self.filters = list(filters)
        self.kept: dict[int, Packet] = {}
        self._last_id = 0

    def keep(self, packet: Packet) -> int:
        self._last_id += 1
        self.kept[self._last_id] = packet
        return self._last_id


class Connection:
    """One client's. What the client does is called with `send`, what the broker does is done in `Broker`."""

    def __init__(
        self,
        broker: "Broker",
        process: Process,
        name: str,
        *,
        on_packet: Callable[[Delivery], None],
        on_lost: Callable[[], None],
        will: Packet | None = None,
        session: Session | None = None,
    ) -> None:
        self.name = name
        self.process = process
        self.filters: list[str] = []
        self.session = session
        self.will = will
        self.open = True
        """At the broker's end."""
        self.held = False
        """The broker keeps what is for this client, and goes on counting its expiry."""
        self.queue: list[Packet] = []
        self.mute = False
        self.deliveries: list[Delivery] = []
        """Everything that was ever written to it."""
        self.road = Road(broker.loop, self._arrives)
        self._broker = broker
        self._up = Pipe(broker.loop, self._arrives_at_broker)
        self._on_packet = on_packet
        self._on_lost = on_lost
        self._told = False

    # The client's end.

    def send(self, act: Callable[["Connection"], None]) -> None:
        """`act` is done at the broker, if this still reaches it."""
        self._up.put(act)

    def leave(self, *, farewell: bool) -> None:
        """The client closes it: with a DISCONNECT there is no will."""
        self._told = True
        self._up.put(lambda _: self.close(will=not farewell))

    def lose(self) -> None:
        """The client notices that there is no connection any more."""
        if not self._told:
            self._told = True
            self.process.call(self._on_lost)

    # The broker's end.

    def deliver(self, packet: Packet) -> None:
        if self.held:
            self.queue.append(packet)
        else:
            self._write(packet)

    def unhold(self) -> None:
        self.held = False
        for packet in self.queue:
            self._write(packet)
        self.queue.clear()

    def answer(self, say: Callable[[], object]) -> None:
        self.road.put(Word(say))

    def close(self, *, will: bool = True) -> None:
        """The broker ends it; the client hears of that."""
        if not self.open:
            return
        self.open = False
        self._broker.forget(self)
        self._broker.loop.call_later(LATENCY_S, self.lose, context=Context())
        if will and self.will is not None:
            self._broker.route(self.will)

    def break_off(self, *, at_once: bool) -> None:
        """Nothing passes any more; whoever does not notice at once does so by the keep-alive."""
        self.mute = True
        self.road.clear()
        self._broker.loop.call_later(0 if at_once else UNNOTICED_S, self.close, context=Context())
        self._broker.loop.call_later(0 if at_once else UNNOTICED_S, self.lose, context=Context())

    def _write(self, packet: Packet) -> None:
        left_s = None
        if packet.good_until_s is not None:
            left_s = int(packet.good_until_s - self._broker.loop.time() + 0.999)
            if left_s <= 0:
                return
        packet_id = None
        if self.session is not None and packet.qos:
            packet_id = self.session.keep(packet)
        delivery = Delivery(packet, left_s, packet_id)
        self.deliveries.append(delivery)
        self.road.put(delivery)

    def write_again(self, packet_id: int, packet: Packet) -> None:
        self.road.put(Delivery(packet, None, packet_id))

    def _arrives(self, item: Item) -> None:
        if self.mute or self._told:
            return
        if isinstance(item, Word):
            self.process.call(item.say)
        else:
            self.process.call(self._on_packet, item)

    def _arrives_at_broker(self, act: Callable[["Connection"], None]) -> None:
        if self.open and not self.mute:
            act(self)


class Broker:
    """Routes at QoS 0 and 1, retains nothing."""

    def __init__(self, loop: VirtualLoop, *, on_routed: Callable[[Packet, bool], None]) -> None:
        self.loop = loop
        self.up = True
        self.connections: list[Connection] = []
        self.sessions: dict[str, Session] = {}
        self._on_routed = on_routed

    def connect(
        self, process: Process, name: str, *, session: bool = False, filters: Sequence[str] = (), **more: Any
    ) -> Connection:
        """Raises `NotConnectedError`. Whoever has that name already is sent away."""
        if not self.up:
            raise NotConnectedError("nobody answers")
        for other in [other for other in self.connections if other.name == name]:
            other.close()
        kept = self.sessions.setdefault(name, Session(filters)) if session else None
        connection = Connection(self, process, name, session=kept, **more)
        connection.filters = list(filters)
        self.connections.append(connection)
        if kept is not None:
            for packet_id, packet in list(kept.kept.items()):
                connection.write_again(packet_id, packet)
        return connection

    def forget(self, connection: Connection) -> None:
        self.connections.remove(connection)

    def route(self, packet: Packet) -> Published:
        """To everybody who has subscribed to it."""
        topic = Topic(packet.topic)
        reached = [c for c in self.connections if any(topic.matches(wanted) for wanted in c.filters)]
        connected = {id(connection.session) for connection in self.connections}
        for session in self.sessions.values():
            if id(session) not in connected and packet.qos and any(topic.matches(f) for f in session.filters):
                session.keep(packet)
        self._on_routed(packet, bool(reached))
        for connection in reached:
            connection.deliver(packet)
        return Published.DELIVERED if reached else Published.NOBODY_LISTENS

    def stop(self) -> None:
        """As if its machine had lost power: no wills, and nothing that was under way arrives."""
        self.up = False
        for connection in list(self.connections):
            connection.will = None
            connection.road.clear()
            connection.close()

    def start(self) -> None:
        self.up = True


def publish(packet: Packet, answer: asyncio.Future[Published] | None) -> Callable[[Connection], None]:
    """What a client sends that publishes."""

    def act(connection: Connection) -> None:
        published = connection._broker.route(packet)
        if answer is not None:
            connection.answer(partial(_set, answer, published))

    return act


def subscribe(filters: Sequence[str], answer: asyncio.Future[None]) -> Callable[[Connection], None]:
    def act(connection: Connection) -> None:
        connection.filters.extend(filters)
        connection.answer(partial(_set, answer, None))

    return act


def _set(answer: asyncio.Future[Any], value: object) -> None:
    if not answer.done():
        answer.set_result(value)


def acknowledge(packet_ids: Sequence[int]) -> Callable[[Connection], None]:
    def act(connection: Connection) -> None:
        for packet_id in packet_ids:
            if connection.session is not None:
                connection.session.kept.pop(packet_id, None)

    return act
