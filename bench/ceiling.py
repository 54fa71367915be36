"""The throwaway prototype: a bare subscriber, the product's INSERT, nothing of the product.

QoS 1 in, decoded, 1,000 rows to a commit, acknowledged after it. No look at whose machine it is, no newest state, no
receipts, no dead letters, no reconnect: what broker and database allow in Python.

`python bench/ceiling.py PORT USERNAME PASSWORD DATABASE_PORT DATABASE MESSAGES`: prints `ready`, then JSON.
"""

import asyncio
import json
import struct
import sys
import time
from datetime import UTC, datetime
from typing import Any, cast

import asyncmy
import mqtt5
import msgspec
import uvloop

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 1000
LINGER_S = 0.008
COLUMNS = "machine_id,ts,boot,seq,battery,solar_v,solar_a,water,extra,flags,received_at"
ROW = "(" + ",".join(["%s"] * 11) + ")"


class Sample(msgspec.Struct):
    battery: float
    solar_v: float
    solar_a: float
    water: float
    extra: msgspec.Raw
    ts: datetime
    boot: int
    seq: int


class Subscriber(asyncio.Protocol):
    """Packets as they come; acknowledged by `acknowledge`."""

    def __init__(self, connect: bytes) -> None:
        self._connect = connect
        self._rest = b""
        self.waiting: list[mqtt5.PublishPacket] = []
        self.arrived = asyncio.Event()
        self.subscribed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.transport.write(self._connect)

    def data_received(self, data: bytes) -> None:
        view = memoryview(self._rest + data if self._rest else data)
        at, end = 0, len(view)
        while at < end:
            try:
                packet, size = mqtt5.read(view[at:])
            except IndexError:
                break
            at += size
            if type(packet) is mqtt5.PublishPacket:
                self.waiting.append(packet)
            elif type(packet) is mqtt5.ConnAckPacket:
                topic = mqtt5.TopicFilter("company/+/machine/+/telemetry", max_qos=mqtt5.QoS.AT_LEAST_ONCE)
                self.transport.write(mqtt5.SubscribePacket(1, [topic]).write())
            elif type(packet) is mqtt5.SubAckPacket:
                self.subscribed.set()
        self._rest = bytes(view[at:])
        self.arrived.set()

    def acknowledge(self, packets: list[mqtt5.PublishPacket]) -> None:
        words = [0x4002_0000 | packet.packet_id for packet in packets if packet.packet_id is not None]
        self.transport.write(struct.pack(f">{len(words)}I", *words))


async def run(port: int, login: tuple[str, str], database_port: int, database: str, messages: int) -> None:
    connection = await asyncmy.connect(
        host="127.0.0.1", port=database_port, user="sunsweep", password="only-for-tests", db=database, charset="utf8mb4"
    )
    hello = mqtt5.ConnectPacket(
        "ceiling", username=login[0], password=login[1].encode(), receive_max=4000, clean_start=True
    ).write()
    _, subscriber = await asyncio.get_running_loop().create_connection(lambda: Subscriber(hello), "127.0.0.1", port)
    await subscriber.subscribed.wait()
    print("ready", flush=True)
    decode = msgspec.json.Decoder(Sample).decode
    cpu, began, done = time.process_time(), 0.0, 0
    while done < messages:
        while not subscriber.waiting:
            subscriber.arrived.clear()
            await subscriber.arrived.wait()
        began = began or time.perf_counter()
        if len(subscriber.waiting) < BATCH:
            await asyncio.sleep(LINGER_S)
        packets, subscriber.waiting = subscriber.waiting[:BATCH], subscriber.waiting[BATCH:]
        await store(connection, [row(packet, decode(packet.payload)) for packet in packets])
        subscriber.acknowledge(packets)
        done += len(packets)
    ended = time.perf_counter()
    print(json.dumps({"seconds": ended - began, "cpu_s": time.process_time() - cpu}), flush=True)
    subscriber.transport.close()
    await connection.ensure_closed()


def row(packet: mqtt5.PublishPacket, sample: Sample) -> tuple[Any, ...]:
    machine = int(packet.topic.split("/")[3].rpartition("-")[2]) + 1
    ts_ms = int((sample.ts - EPOCH).total_seconds() * 1000)
    now_ms = time.time_ns() // 1_000_000
    extra = bytes(sample.extra).decode()
    fields = (sample.battery, sample.solar_v, sample.solar_a, sample.water, extra, 0, now_ms)
    return (machine, ts_ms, sample.boot, sample.seq, *fields)


async def store(connection: Any, rows: list[tuple[Any, ...]]) -> None:
    rows.sort(key=lambda row: row[:4])
    statement = (
        f"INSERT INTO telemetry ({COLUMNS}) VALUES {','.join([ROW] * len(rows))} "
        "ON DUPLICATE KEY UPDATE machine_id=telemetry.machine_id"
    )
    async with connection.cursor() as cursor:
        await cursor.execute(statement, tuple(value for row in rows for value in row))
    await connection.commit()


if __name__ == "__main__":
    port, username, password, database_port, database, messages = sys.argv[1:]
    uvloop.run(run(int(port), (username, password), int(database_port), database, int(messages)))
