"""Messages in from the broker: a bounded queue that says how full it is."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from sunsweep.mqtt.port import Message
from sunsweep.server import metrics
from sunsweep.server.ingest.lines import Line, Lines

MAX_WAITING_BYTES: Final = 64 * 2**20
MAX_WAITING_QOS0: Final = 10_000
MAX_QOS0_BYTES: Final = MAX_WAITING_BYTES // 2


class Tap(Protocol):
    """What can be turned off when too much waits."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Inbox:
    """What has arrived and is not yet taken.

    Companies are served in turn, so that who floods waits for himself. Full in messages: the broker keeps the rest, as
    nothing is acknowledged (Receive Maximum). Full in bytes: reading pauses. QoS 0, which nothing holds back, is let go
    of and counted: of companies that hold more than an equal share of the room.
    """

    def __init__(self) -> None:
        self._lines = Lines()
        self._waiting = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._paused = False
        self._closed = False
        self.tap: Tap | None = None

    def put(self, messages: Sequence[Message]) -> None:
        """Called from the connection for each read."""
        metrics.RECEIVED.inc(len(messages))
        before = self._waiting
        for message in messages:
            line = self._lines.of(message)
            if message.qos > 0 or self._has_room(line, message):
                line.append(message)
                self._waiting += 1
                self._bytes += len(message.payload)
        metrics.DROPPED_QOS0.inc(before + len(messages) - self._waiting)
        if self._bytes > MAX_WAITING_BYTES and self.tap is not None and not self._paused:
            self._paused = True
            self.tap.pause_reading()
        self._arrived.set()

    def _has_room(self, line: Line, message: Message) -> bool:
        """Whether one of QoS 0 may wait."""
        if self._waiting <= MAX_WAITING_QOS0 and self._bytes <= MAX_QOS0_BYTES:
            return True
        sharers = self._lines.with_qos0 + (not line.qos0)
        return (
            line.qos0 < MAX_WAITING_QOS0 // sharers
            and line.qos0_bytes + len(message.payload) <= MAX_QOS0_BYTES // sharers
        )

    def __len__(self) -> int:
        return self._waiting

    @property
    def bytes(self) -> int:
        """The payload of what waits."""
        return self._bytes

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest that waits was received; whoever asks may be another thread."""
        return self._lines.oldest_ms()

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
        """At most `limit` messages and (beyond the first) `max_bytes` of payload, of each company its oldest first."""
        taken, size = self._lines.take(limit, max_bytes=max_bytes)
        self._waiting -= len(taken)
        self._bytes -= size
        if self._paused and self._bytes < MAX_WAITING_BYTES // 2 and self.tap is not None:
            self._paused = False
            self.tap.resume_reading()
        return taken
