"""The fleet's machine says what the machine's program says, byte for byte where nothing is drawn or measured."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import mqtt5
import msgspec
import pytest
from bench.fleet_machine import FleetMachine, Tally

from sunsweep.contract.codec import encode_receipt
from sunsweep.contract.payloads import Receipt
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.program import Machine
from sunsweep.server.features.machines.service import Login
from tests.support.fake_broker import WELCOME, FakeBroker, any_packet_from, fake_broker

LOGIN = Login("FLEET-1", 1, "m-one", "secret-one")
INTERVAL_S = 0.1
HEARTBEAT_S = 0.25
ENOUGH = 12


class Ear:
    """A broker that takes everything, receipts nothing by itself, and remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[mqtt5.Packet] = []
        self.writer: asyncio.StreamWriter | None = None
        self._more = asyncio.Event()

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        while True:
            packet = await any_packet_from(reader)
            self.heard.append(packet)
            match packet:
                case mqtt5.ConnectPacket():
                    writer.write(WELCOME)
                case mqtt5.SubscribePacket():
                    codes = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(packet.topic_filters)
                    writer.write(mqtt5.SubAckPacket(packet.packet_id, codes).write())
                case mqtt5.PublishPacket() if packet.packet_id is not None:
                    writer.write(mqtt5.PubAckPacket(packet.packet_id).write())
            self._more.set()

    def receipt(self, boot: int, *stored: tuple[int, int]) -> None:
        assert self.writer is not None
        topic = str(MachineTopic(1, LOGIN.machine_id, Channel.RECEIPT))
        self.writer.write(mqtt5.PublishPacket(topic, encode_receipt(Receipt(0, boot, stored))).write())

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self._more.clear()
                await self._more.wait()

    def said(self, channel: Channel) -> list[dict[str, Any]]:
        """Payloads, in the order in which they came."""
        topic = str(MachineTopic(1, LOGIN.machine_id, channel))
        return [
            msgspec.json.decode(one.payload)
            for one in self.heard
            if isinstance(one, mqtt5.PublishPacket) and one.topic == topic
        ]


@asynccontextmanager
async def real(broker: FakeBroker) -> AsyncIterator[None]:
    config = MachineConfig(
        broker=f"mqtt://127.0.0.1:{broker.port}",
        company_id=LOGIN.company_id,
        machine_id=LOGIN.machine_id,
        mqtt_username=LOGIN.mqtt_username,
        mqtt_password=LOGIN.mqtt_password,
        telemetry_interval_s=INTERVAL_S,
        heartbeat_interval_s=HEARTBEAT_S,
    )
    clock, random = SystemClock(), Random(7)
    body = Body(Build(), BenchSky(), morning_clock(clock), random)
    running = asyncio.create_task(Machine(config, embody(body), clock=clock, random=random).run(), name="real")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def simulated(broker: FakeBroker, tally: Tally | None = None) -> AsyncIterator[FleetMachine]:
    machine = FleetMachine(
        LOGIN,
        broker.port,
        interval_s=INTERVAL_S,
        heartbeat_s=HEARTBEAT_S,
        random=Random(5),
        tally=tally or Tally(),
        of=1,
    )
    machine.start()
    try:
        yield machine
    finally:
        await machine.end()


@pytest.fixture
async def both() -> tuple[Ear, Ear]:
    """What the program and what the fleet's machine have said, a while after their start."""
    program, fleet = Ear(), Ear()
    async with fake_broker(program.listen) as broker, real(broker):
        await program.until(lambda: len(program.heard) >= ENOUGH)
    async with fake_broker(fleet.listen) as broker, simulated(broker):
        await fleet.until(lambda: len(fleet.heard) >= ENOUGH)
    return program, fleet


def fields(packet: Any) -> dict[str, Any]:
    """What a packet says, without its id and its payload."""
    names = [name for name in dir(packet) if not name.startswith("_") and name not in {"packet_id", "payload", "write"}]
    return {name: _plain(getattr(packet, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return fields(value) if isinstance(value, mqtt5.Will | mqtt5.TopicFilter) else str(value)


def will_of(packet: mqtt5.Packet) -> dict[str, Any]:
    assert isinstance(packet, mqtt5.ConnectPacket)
    assert packet.will is not None
    assert packet.will.payload is not None
    will: dict[str, Any] = msgspec.json.decode(packet.will.payload)
    return will


def shape(payload: dict[str, Any]) -> dict[str, Any]:
    """Names and kinds, in their order."""
    kinds = {name: shape(value) if isinstance(value, dict) else type(value).__name__ for name, value in payload.items()}
    return {"order": list(payload), **kinds}


async def test_it_connects_and_subscribes_as_the_program_does(both: tuple[Ear, Ear]) -> None:
    program, fleet = both
    for at, kind in enumerate((mqtt5.ConnectPacket, mqtt5.SubscribePacket)):
        assert isinstance(program.heard[at], kind)
        assert isinstance(fleet.heard[at], kind)
        assert fields(fleet.heard[at]) == fields(program.heard[at])
    wills = [will_of(one.heard[0]) for one in both]
    assert all(will.keys() == {"status", "session"} for will in wills)
    assert all((will["status"], will["session"][1]) == ("offline", 1) for will in wills)


async def test_it_says_that_it_is_here_then_what_it_measures(both: tuple[Ear, Ear]) -> None:
    program, fleet = both
    for channel in (Channel.STATUS, Channel.TELEMETRY):
        said = fleet.said(channel)
        for at in range(2):
            assert shape(said[at]) == shape(program.said(channel)[at])
    first = fleet.heard[2]
    assert isinstance(first, mqtt5.PublishPacket)
    assert first.topic.endswith("/status")
    assert fleet.said(Channel.STATUS)[0]["software"] == program.said(Channel.STATUS)[0]["software"]
    numbers = [sample["seq"] for sample in fleet.said(Channel.TELEMETRY)]
    assert numbers[:3] == [2, 3, 4]
    assert fleet.said(Channel.STATUS)[1]["seq"] == 1
    for one in both:
        published = [packet for packet in one.heard if isinstance(packet, mqtt5.PublishPacket)]
        assert {(packet.qos.name, packet.retain) for packet in published[:5]} == {("AT_LEAST_ONCE", False)}


async def test_it_keeps_a_number_until_it_is_receipted_and_says_it_again_on_the_next_connection() -> None:
    ear, tally = Ear(), Tally()
    async with fake_broker(ear.listen) as broker, simulated(broker, tally) as machine:
        await ear.until(lambda: len(ear.said(Channel.TELEMETRY)) >= 3)
        ear.receipt(machine.outbox.boot, (1, 1), (3, 3))
        await _until(lambda: machine.outbox.counts.stored == 2)
        machine.calm()
        held = [entry.seq for entry in machine.outbox.pending()]
        assert held[0] == 2
        before = len(ear.heard)
        broker.drop_all()
        await ear.until(lambda: any(isinstance(one, mqtt5.ConnectPacket) for one in ear.heard[before:]))
        again = len(ear.said(Channel.TELEMETRY))
        await ear.until(lambda: len(ear.said(Channel.TELEMETRY)) >= again + len(held))
        assert [sample["seq"] for sample in ear.said(Channel.TELEMETRY)][-len(held) :] == held
        assert ear.said(Channel.STATUS)[-1]["session"] == [machine.outbox.boot, 2]
        assert ear.said(Channel.STATUS)[-1]["outbox"]["pending"] == len(held)
        ear.receipt(machine.outbox.boot, (2, held[-1]))
        await _until(lambda: not len(machine.outbox))
        assert tally.again == len(held)
        assert tally.ready == 1


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)
