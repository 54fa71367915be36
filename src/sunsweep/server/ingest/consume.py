"""Messages in from the broker: a bounded queue that says how full it is."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final, Protocol

from sunsweep.mqtt.port import Message
from sunsweep.server import metrics

MAX_WAITING_BYTES: Final = 64 * 2**20
MAX_WAITING_QOS0: Final = 10_000
MAX_QOS0_BYTES: Final = MAX_WAITING_BYTES // 2


class Tap(Protocol):
    """What can be turned off when too much waits."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Inbox:
    """What has arrived and is not yet taken.

    Full in messages: the broker keeps the rest, as nothing is acknowledged (Receive Maximum). Full in bytes: reading
    pauses. QoS 0, which nothing holds back, is let go of and counted: of companies that hold more than an equal share
    of the room, so that who floods loses what is his.
    """

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._qos0: Counter[str] = Counter()
        self._qos0_bytes: Counter[str] = Counter()
        """Of each company that has any."""
        self._arrived = asyncio.Event()
        self._paused = False
        self._closed = False
        self.tap: Tap | None = None

    def put(self, messages: Sequence[Message]) -> None:
        """Called from the connection for each read."""
        metrics.RECEIVED.inc(len(messages))
        kept = [message for message in messages if message.qos > 0 or self._has_room(message)]
        if len(kept) < len(messages):
            metrics.DROPPED_QOS0.inc(len(messages) - len(kept))
            messages = kept
        self._waiting.extend(messages)
        self._bytes += sum([len(message.payload) for message in messages])
        if self._bytes > MAX_WAITING_BYTES and self.tap is not None and not self._paused:
            self._paused = True
            self.tap.pause_reading()
        self._arrived.set()

    def _has_room(self, message: Message) -> bool:
        """Whether one of QoS 0 may wait, which is then counted."""
        company = _company(message)
        if len(self._waiting) > MAX_WAITING_QOS0 or self._bytes > MAX_QOS0_BYTES:
            sharers = len(self._qos0 | {company: 1})
            if (
                self._qos0[company] >= MAX_WAITING_QOS0 // sharers
                or self._qos0_bytes[company] + len(message.payload) > MAX_QOS0_BYTES // sharers
            ):
                return False
        self._qos0[company] += 1
        self._qos0_bytes[company] += len(message.payload)
        return True

    def _leaves(self, message: Message) -> None:
        company = _company(message)
        self._qos0[company] -= 1
        self._qos0_bytes[company] -= len(message.payload)
        if not self._qos0[company]:
            del self._qos0[company], self._qos0_bytes[company]

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def bytes(self) -> int:
        """The payload of what waits."""
        return self._bytes

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest that waits was received; whoever asks may be another thread."""
        try:
            return self._waiting[0].received_ms
        except IndexError:
            return None

    @property
    def drained(self) -> bool:
        """Closed, and everything taken."""
        return self._closed and not self._waiting

    def close(self) -> None:
        """Nobody waits any more, and nothing turns the tap on again."""
        self._closed = True
        self.tap = None
        self._arrived.set()

    async def wait(self) -> None:
        """Return once something waits, or it is closed."""
        while not self._waiting and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()

    def take(self, limit: int, *, max_bytes: int) -> list[Message]:
        """At most `limit` messages and (beyond the first) `max_bytes` of payload, oldest first."""
        taken: list[Message] = []
        size = 0
        while self._waiting and len(taken) < limit:
            size += len(self._waiting[0].payload)
            if taken and size > max_bytes:
                break
            taken.append(self._waiting.popleft())
        for message in taken:
            if message.qos == 0:
                self._leaves(message)
        self._bytes -= sum([len(message.payload) for message in taken])
        if self._paused and self._bytes < MAX_WAITING_BYTES // 2 and self.tap is not None:
            self._paused = False
            self.tap.resume_reading()
        return taken


def _company(message: Message) -> str:
    """By the topic's word, which the broker has checked; it is looked up later."""
    return message.topic.partition("/")[2].partition("/")[0]
