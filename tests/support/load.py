"""A steady load of messages that are told apart, and what became of them in the database."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import select

from sunsweep.mqtt.client import MqttClient
from sunsweep.server.db.engine import Database
from sunsweep.server.db.models import TelemetryRow

BOOT = 4_711
BURST = 40


class Load:
    """Numbered and bare samples in turn; the sets hold the numbers that the broker has acknowledged."""

    def __init__(self, client: MqttClient, topic: str, *, first: int = 1) -> None:
        self.numbered: set[int] = set()
        self.bare: set[int] = set()
        self._client = client
        self._topic = topic
        self._numbers = count(first)

    @property
    def connected(self) -> bool:
        return self._client.connected

    async def burst(self) -> None:
        numbers = [next(self._numbers) for _ in range(BURST)]
        await asyncio.gather(*(self.publish(_numbered(number)) for number in numbers))
        self.numbered.update(numbers)
        await asyncio.gather(*(self.publish(b'{"n":%d}' % number) for number in numbers))
        self.bare.update(numbers)

    async def run(self, *, pause_s: float = 0.08) -> None:
        while True:
            await self.burst()
            await asyncio.sleep(pause_s)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.run(), name="load")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def publish(self, payload: bytes, *, qos: int = 1) -> None:
        await self._client.publish(self._topic, payload, qos=qos)


def _numbered(seq: int) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"battery": 12, "ts": now, "boot": BOOT, "seq": seq}).encode()


async def numbered_seqs(database: Database) -> Counter[int]:
    async with database.read() as session:
        return Counter((await session.scalars(select(TelemetryRow.seq).where(TelemetryRow.boot == BOOT))).all())


async def bare_numbers(database: Database) -> Counter[int]:
    """How often each bare sample was stored."""
    async with database.read() as session:
        extras = (await session.scalars(select(TelemetryRow.extra).where(TelemetryRow.boot == 0))).all()
    return Counter(json.loads(extra).get("n", 0) for extra in extras if extra)
