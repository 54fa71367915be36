"""A load of numbered telemetry: many machines on one connection, QoS 1, at a rate or as fast as the broker takes it.

`python bench/load.py HOST PORT USERNAME PASSWORD MACHINES MESSAGES BOOT [MESSAGES_A_SECOND]`: the messages are the
machine program's, one template with the number and the time put in.
"""

import asyncio
import sys
import time

import mqtt5

from sunsweep.contract.times import iso
from sunsweep.contract.topics import Channel, MachineTopic

WINDOW = 2000
CHUNK = 100
PACE_S = 0.005
BODY = (
    b'{"battery":13.5,"solar_v":21.2,"solar_a":4.5,"water":80,"extra":{"temp":32.5,"vibration":0.01},'
    b'"ts":"%s","boot":%d,"seq":%d}'
)


def serial(number: int) -> str:
    return f"BENCH-{number:05d}"


class Publisher(asyncio.Protocol):
    """Writes PUBLISH packets, keeps at most WINDOW of them unacknowledged."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._buffer = b""
        self._moved = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        view = memoryview(self._buffer + data)
        at = 0
        while True:
            try:
                packet, size = mqtt5.read(view[at:])
            except IndexError:
                break
            at += size
            self.acknowledged += isinstance(packet, mqtt5.PubAckPacket | mqtt5.ConnAckPacket)
        self._buffer = bytes(view[at:])
        self._moved.set()

    async def until(self, acknowledged: int) -> None:
        while self.acknowledged < acknowledged:
            self._moved.clear()
            await self._moved.wait()


async def publish(
    host: str, port: int, login: tuple[str, str], machines: int, messages: int, boot: int, rate: float = 0
) -> None:
    """Send `messages` in turn for each machine; returns when all are acknowledged by the broker."""
    _, link = await asyncio.get_running_loop().create_connection(Publisher, host, port)
    username, password = login
    link.transport.write(mqtt5.ConnectPacket("load", username=username, password=password.encode()).write())
    await link.until(1)
    topics = [str(MachineTopic(1, serial(number), Channel.TELEMETRY)) for number in range(machines)]
    chunk = CHUNK if not rate else max(1, int(rate * PACE_S))
    began = time.perf_counter()
    for start in range(0, messages, chunk):
        if rate:
            await asyncio.sleep(began + start / rate - time.perf_counter())
        await link.until(start + chunk + 1 - WINDOW)
        ts = iso(time.time_ns() // 1_000_000).encode()
        link.transport.write(b"".join(_packet(topics, number, ts, boot) for number in range(start, start + chunk)))
    await link.until(messages + 1)
    link.transport.close()


def _packet(topics: list[str], number: int, ts: bytes, boot: int) -> bytes:
    turn, machine = divmod(number, len(topics))
    return mqtt5.PublishPacket(
        topics[machine], BODY % (ts, boot, turn + 1), qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number % 60_000 + 1
    ).write()


if __name__ == "__main__":
    host, port, username, password, machines, messages, boot, *rate = sys.argv[1:]
    asyncio.run(publish(host, int(port), (username, password), *map(int, (machines, messages, boot, *rate))))
