"""Requests and their answers on one connection: publish, subscribe, unsubscribe."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from mqtt5 import PubAckPacket, SubAckPacket, UnsubAckPacket, UnsubscribePacket

from sunsweep.mqtt.packets import check_granted, clearing_packet, outcome, publish_packet, subscribe_packet
from sunsweep.mqtt.pending import Answer, Pending
from sunsweep.mqtt.port import MqttError, NotConnectedError, Published, Subscription

T = TypeVar("T")

_FILTERS_PER_PACKET: Final = 100
_OVERHEAD_BYTES: Final = 16
"""Of a PUBLISH at most: fixed header 5, length of the topic 2, packet id 2, properties 1 + 5."""


class Exchange:
    """Honours the broker's Receive Maximum and the transport's high-water mark; `end` fails whatever waits."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._pending = Pending()
        self._slots = asyncio.Semaphore(0)
        self._writable = asyncio.Event()
        self._max_packet_bytes: int | None = None
        self._ended: str | None = None

    def begin(self, *, receive_maximum: int, max_packet_bytes: int | None) -> None:
        """The broker's welcome has come, with its limits."""
        self._slots = asyncio.Semaphore(receive_maximum)
        self._max_packet_bytes = max_packet_bytes
        self._writable.set()

    def end(self, reason: str) -> None:
        self._ended = reason
        self._pending.fail(NotConnectedError(reason))
        self._writable.set()
        self._slots.release()  # whoever waits sees the end and wakes the next

    def pause(self) -> None:
        self._writable.clear()

    def resume(self) -> None:
        self._writable.set()

    def settle(self, answer: Answer) -> None:
        if self._pending.settle(answer) and isinstance(answer, PubAckPacket):
            self._slots.release()

    async def publish(self, topic: str, payload: bytes, *, qos: int, expiry_s: int | None) -> Published:
        self._check(topic, payload, expiry_s)
        if qos == 0:
            await self._drained()
            self._write(publish_packet(topic, payload, expiry_s=expiry_s))
            return Published.DELIVERED
        await self._slot()
        packet_id, answer = self._pending.open(PubAckPacket)
        self._write(publish_packet(topic, payload, packet_id=packet_id, expiry_s=expiry_s))
        return outcome(topic, await answer)

    async def clear(self, topic: str) -> None:
        """Have the broker forget what it retains there."""
        self._check(topic, b"", None)
        await self._slot()
        packet_id, answer = self._pending.open(PubAckPacket)
        self._write(clearing_packet(topic, packet_id))
        outcome(topic, await answer)

    async def publish_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
        await self._drained()
        packets = []
        for topic, payload in messages:
            self._check(topic, payload, None)
            packets.append(publish_packet(topic, payload))
        self._write(b"".join(packets))

    async def subscribe(self, subscriptions: Sequence[Subscription], *, retained: bool = False) -> None:
        for some in _slices(subscriptions):
            await self._drained()
            packet_id, answer = self._pending.open(SubAckPacket)
            self._write(subscribe_packet(packet_id, some, retained=retained))
            check_granted(some, await answer)

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        for some in _slices(topic_filters):
            await self._drained()
            packet_id, answer = self._pending.open(UnsubAckPacket)
            self._write(UnsubscribePacket(packet_id, list(some)).write())
            await answer

    def _check(self, topic: str, payload: bytes, expiry_s: int | None) -> None:
        """What the broker would end the connection for is refused here."""
        if not topic or "+" in topic or "#" in topic or (expiry_s is not None and expiry_s < 0):
            raise ValueError(f"no publish to {topic!r} with {expiry_s} s to live")
        size = len(payload) + len(topic.encode()) + _OVERHEAD_BYTES
        if self._max_packet_bytes is not None and size > self._max_packet_bytes:
            raise MqttError(f"a message of {size} bytes is more than the broker takes")

    async def _slot(self) -> None:
        """A place in the broker's receive window, and room in the transport."""
        await self._slots.acquire()
        try:
            await self._drained()
        except BaseException:
            self._slots.release()
            raise

    async def _drained(self) -> None:
        while not self._writable.is_set() and self._ended is None:
            await self._writable.wait()
        if self._ended is not None:
            raise NotConnectedError(self._ended)


def _slices(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + _FILTERS_PER_PACKET] for start in range(0, len(items), _FILTERS_PER_PACKET)]
