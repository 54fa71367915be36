#!/usr/bin/env python3
"""What a machine sends and receives, in bytes, on each transport: a message, a connection, a day.

The real program and a real mosquitto (ws and wss through our own door), with a counting relay in between. One run
sends samples only, one heartbeats only; each is answered as the backend answers it, by a receipt. Counted is what TCP
carries, TLS and WebSocket included; "on the air" adds 40 bytes of IPv4 and TCP headers a packet, and as many for its
acknowledgement: every read of the relay is taken for a packet.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import aiomqtt

sys.path.insert(0, str(Path(__file__).parents[1]))

from sunsweep.contract.codec import decode_status, decode_telemetry, encode_receipt
from sunsweep.contract.payloads import Receipt
from sunsweep.contract.topics import Channel, MachineTopic, parse_machine_topic
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.program import Machine
from tests.machine.broker import BACKEND, Broker, free_port
from tests.support.authority import Authority
from tests.support.door import door_to

USER, PASSWORD, SERIAL = "m-0123456789abcdef", "not-a-secret-at-all", "SCM-0001"
HEADERS_BYTES: Final = 40
SAMPLES_A_DAY: Final = 86_400 // 30
HEARTBEATS_A_DAY: Final = 86_400 // 60
NEVER_S: Final = 86_400.0


class Air(NamedTuple):
    """What went through the relay."""

    sent: int
    received: int
    packets: int

    def since(self, before: "Air") -> "Air":
        return Air(*(after - earlier for after, earlier in zip(self, before, strict=True)))

    def on_the_air(self) -> int:
        return self.sent + self.received + 2 * HEADERS_BYTES * self.packets


class Relay:
    def __init__(self, target: int) -> None:
        self._target = target
        self.air = Air(0, 0, 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inward, outward = await asyncio.open_connection("127.0.0.1", self._target)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pump(reader, outward, Air(1, 0, 0)))
            tasks.create_task(self._pump(inward, writer, Air(0, 1, 0)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Air) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                sent, received, packets = self.air
                self.air = Air(sent + way.sent * len(data), received + way.received * len(data), packets + 1)
                sink.write(data)
        sink.close()


class Backend:
    """Answers as the ingest does, and counts what it has answered."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.answered = 0
        self._client = client
        self._clock = SystemClock()

    async def run(self) -> None:
        async for message in self._client.messages:
            topic = parse_machine_topic(message.topic.value)
            if topic.channel not in {Channel.TELEMETRY, Channel.STATUS}:
                continue
            await self._answer(topic, message.payload)

    async def _answer(self, topic: MachineTopic, payload: bytes) -> None:
        decode = decode_telemetry if topic.channel is Channel.TELEMETRY else decode_status
        stamp = decode(payload).stamp
        now_ms = self._clock.now_ms()
        receipt = Receipt(now_ms, stamp.boot, ((stamp.seq, stamp.seq),)) if stamp.numbered else Receipt(now_ms)
        await self._client.publish(str(topic._replace(channel=Channel.RECEIPT)), encode_receipt(receipt))
        self.answered += 1

    async def has_answered(self, count: int) -> None:
        async with asyncio.timeout(60):
            while self.answered < count:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[Broker, dict[str, int], Path]]:
    authority = Authority(folder)
    pair = authority.sign("broker")
    secure = free_port()
    broker = Broker(folder, [(USER, PASSWORD, SERIAL)])
    broker.more_listeners = f"listener {secure} 127.0.0.1\ncertfile {pair.cert}\nkeyfile {pair.key}\n"
    await broker.prepare()
    try:
        await broker.start()
        async with door_to(broker.port) as ws, door_to(broker.port, tls=pair) as wss:
            yield broker, {"mqtt": broker.port, "mqtts": secure, "ws": ws.port, "wss": wss.port}, authority.file
    finally:
        await broker.stop()


async def measure(broker: Broker, config: MachineConfig, relay: Relay, count: int) -> tuple[Air, Air]:
    """The connection with its first words, and `count` messages with their answers."""
    login = aiomqtt.Client("127.0.0.1", broker.port, username=BACKEND[0], password=BACKEND[1])
    async with login as client:
        await client.subscribe("company/+/machine/+/+", qos=1)
        backend = Backend(client)
        clock, random = SystemClock(), Random(1)
        body = Body(Build(), BenchSky(), morning_clock(clock, speed=1.0), random)
        machine = Machine(config, embody(body), clock=clock, random=random)
        tasks = [asyncio.create_task(backend.run()), asyncio.create_task(machine.run())]
        try:
            await backend.has_answered(2)
            await asyncio.sleep(0.2)
            connecting, begun = relay.air, backend.answered
            await backend.has_answered(begun + count)
            await asyncio.sleep(0.1)
            each = relay.air.since(connecting)
            assert backend.answered - begun <= count + 1, "more came than was to be measured"
            return connecting, each
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def transport(
    name: str, broker: Broker, port: int, ca_file: Path, *, telemetry_s: float, heartbeat_s: float, count: int
) -> tuple[Air, Air]:
    relay = Relay(port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    config = MachineConfig(
        broker=f"{name}://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        company_id=1,
        machine_id=SERIAL,
        mqtt_username=USER,
        mqtt_password=PASSWORD,
        ca_file=str(ca_file),
        telemetry_interval_s=telemetry_s,
        heartbeat_interval_s=heartbeat_s,
    )
    try:
        return await measure(broker, config, relay, count)
    finally:
        server.close()


async def run(count: int) -> None:
    print("| | a connection | a sample, out / in | a heartbeat, out / in | a day, MB | a day on the air, MB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        async with site(Path(folder)) as (broker, ports, ca_file):
            for name, port in ports.items():
                once = partial(transport, name, broker, port, ca_file, count=count)
                connecting, sample = await once(telemetry_s=0.25, heartbeat_s=NEVER_S)
                _, beat = await once(telemetry_s=NEVER_S, heartbeat_s=0.25)
                print(row(name, count, connecting, sample, beat), flush=True)


def row(name: str, count: int, connecting: Air, sample: Air, beat: Air) -> str:
    day = (SAMPLES_A_DAY * (sample.sent + sample.received) + HEARTBEATS_A_DAY * (beat.sent + beat.received)) / count
    air = (SAMPLES_A_DAY * sample.on_the_air() + HEARTBEATS_A_DAY * beat.on_the_air()) / count
    ways = " | ".join(f"{one.sent / count:.0f} / {one.received / count:.0f}" for one in (sample, beat))
    return f"| {name} | {connecting.sent + connecting.received:,} | {ways} | {day / 1e6:.2f} | {air / 1e6:.2f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40)
    asyncio.run(run(parser.parse_args().count))
