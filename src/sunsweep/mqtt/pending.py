"""Packet ids that wait for the broker's answer."""

import asyncio
from typing import TypeVar, cast

from mqtt5 import PubAckPacket, SubAckPacket, UnsubAckPacket

from sunsweep.mqtt.port import MqttError

Answer = PubAckPacket | SubAckPacket | UnsubAckPacket
A = TypeVar("A", PubAckPacket, SubAckPacket, UnsubAckPacket)

_MAX_PACKET_ID = 65_535


class Pending:
    """One future per packet id in use. An id stays taken until its answer comes, also if nobody waits any more."""

    def __init__(self) -> None:
        self._futures: dict[int, tuple[type[Answer], asyncio.Future[Answer]]] = {}
        self._last_id = 0

    def open(self, kind: type[A]) -> tuple[int, "asyncio.Future[A]"]:
        """A free packet id and the future of its answer, which is of that kind."""
        if len(self._futures) >= _MAX_PACKET_ID:
            raise MqttError("every packet id waits for an answer")
        while True:
            self._last_id = self._last_id % _MAX_PACKET_ID + 1
            if self._last_id not in self._futures:
                break
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._futures[self._last_id] = (kind, future)
        return self._last_id, cast("asyncio.Future[A]", future)

    def settle(self, answer: Answer) -> bool:
        """Hand an answer to who waits for it; False where nobody asked."""
        kind, future = self._futures.get(answer.packet_id, (None, None))
        if future is None or kind is not type(answer):
            return False
        del self._futures[answer.packet_id]
        if not future.done():
            future.set_result(answer)
        return True

    def fail(self, error: MqttError) -> None:
        """Nothing will be answered any more."""
        for _, future in self._futures.values():
            if not future.done():
                future.set_exception(error)
        self._futures.clear()
