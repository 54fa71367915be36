"""`/mqtt`: paho's own WebSocket client and raw frames, to a real broker that has no WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import mqtt5
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from sunsweep.mqtt.local_broker import LocalBroker
from tests.support.broker import PASSWORD, Inbox, connected, running_broker, settings_for, until
from tests.support.door import MQTT, OpenDoor, door_to
from tests.support.platform import Platform, topic

TOPIC = "company/1/machine/A/telemetry"
PINGRESP = b"\xd0\x00"


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[LocalBroker]:
    async with running_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
async def door(broker: LocalBroker) -> AsyncIterator[OpenDoor]:
    async with door_to(broker.port) as door:
        yield door


def hello(username: str = "machine-a", *, password: str = PASSWORD, will: mqtt5.Will | None = None) -> bytes:
    return mqtt5.ConnectPacket(
        f"raw-{username}",
        username=username,
        password=password.encode(),
        clean_start=True,
        keep_alive=60,
        will=will,
    ).write()


def message(payload: bytes, number: int = 0) -> bytes:
    qos = mqtt5.QoS.AT_LEAST_ONCE if number else mqtt5.QoS.AT_MOST_ONCE
    return mqtt5.PublishPacket(TOPIC, payload, qos=qos, packet_id=number or None).write()


async def greeted(socket: ClientConnection, packet: bytes | None = None) -> bytes:
    """The broker's welcome."""
    await socket.send(packet or hello())
    welcome = await socket.recv()
    assert isinstance(welcome, bytes)
    return welcome


async def closed(socket: ClientConnection, *, within_s: float = 30.0) -> int | None:
    """The code it is closed with."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed:
                return socket.close_code


@asynccontextmanager
async def paho(door: OpenDoor, username: str = "machine-a") -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(
        "127.0.0.1",
        door.port,
        username=username,
        password=PASSWORD,
        transport="websockets",
        websocket_path="/mqtt",
        protocol=aiomqtt.ProtocolVersion.V5,
    ) as client:
        yield client


async def test_pahos_client_sends_and_hears_a_thousand_messages(door: OpenDoor) -> None:
    wanted = [str(number).encode() for number in range(1000)]
    async with paho(door) as client, paho(door, "backend") as backend, asyncio.timeout(30):
        await backend.subscribe(TOPIC, qos=1)
        heard = []
        for payload in wanted:
            await client.publish(TOPIC, payload, qos=1)
        async for one in backend.messages:
            heard.append(one.payload)
            if len(heard) == len(wanted):
                break
    assert heard == wanted
    await until(lambda: door.inside.open == 0)


async def test_bytes_may_be_cut_into_frames_anyhow(broker: LocalBroker, door: OpenDoor) -> None:
    inbox = Inbox()
    async with connected(settings_for(broker.port, "backend"), TOPIC, inbox=inbox), door.socket() as socket:
        for byte in hello():
            await socket.send(bytes([byte]))
        assert (await socket.recv())[0] == 0x20
        long = message(b"x" * 1000)
        for start in range(0, len(long), 103):
            await socket.send(long[start : start + 103])
        await socket.send(message(b"one") + message(b"two"))
        packet = message(b"three")
        await socket.send([packet[:5], packet[5:9], packet[9:]])
        await socket.send(b"")
        heard = await inbox.holds(4)
    assert [one.payload for one in heard] == [b"x" * 1000, b"one", b"two", b"three"]


async def test_a_message_of_the_largest_size_passes_and_a_larger_one_does_not(
    broker: LocalBroker, door: OpenDoor
) -> None:
    inbox = Inbox()
    whole = 1024 * 1024
    async with connected(settings_for(broker.port, "backend"), TOPIC, inbox=inbox):
        async with door.socket() as socket:
            await greeted(socket)
            head = len(message(b"x" * (whole - 100))) - (whole - 100)
            await socket.send(message(b"y" * (whole - head)))
            (heard,) = await inbox.holds(1)
            assert len(heard.payload) == whole - head
            await socket.send(b"z" * (whole + 1))
            assert await closed(socket) == 1009
        async with door.socket() as socket:
            await greeted(socket)
            await socket.send([b"z" * 300_000] * 4)
            assert await closed(socket) == 1009
    await until(lambda: door.inside.open == 0)


async def test_text_is_refused(door: OpenDoor) -> None:
    async with door.socket() as socket:
        await greeted(socket)
        await socket.send("hello")
        assert await closed(socket) == 1003


@pytest.mark.parametrize("offered", [None, ["bearer"], ["mqttv3.1"], ["MQTT"]])
async def test_without_the_subprotocol_there_is_no_socket(door: OpenDoor, offered: list[str] | None) -> None:
    named = None if offered is None else [Subprotocol(name) for name in offered]
    with pytest.raises(InvalidStatus) as refusal:
        await connect(door.url, subprotocols=named, proxy=None)
    assert refusal.value.response.status_code == 400
    assert b"subprotocol" in refusal.value.response.body
    assert door.inside.open == 0


async def test_among_several_subprotocols_mqtt_is_taken(door: OpenDoor) -> None:
    async with connect(door.url, subprotocols=[Subprotocol("bearer"), MQTT], proxy=None) as socket:
        assert socket.subprotocol == "mqtt"


async def test_the_broker_decides_who_comes_in(door: OpenDoor) -> None:
    async with door.socket() as socket:
        welcome = await greeted(socket, hello(password="wrong"))
        assert welcome[3] == mqtt5.ConnAckReasonCode.NOT_AUTHORIZED.value
        assert await closed(socket) == 1000


async def test_what_is_no_mqtt_ends_it(door: OpenDoor) -> None:
    async with door.socket() as socket:
        await socket.send(b"GET / HTTP/1.1\r\n\r\n" * 20)
        assert await closed(socket) == 1000


async def test_who_says_nothing_is_shown_out(broker: LocalBroker) -> None:
    async with (
        door_to(broker.port, patience_s=0.3) as door,
        door.socket() as socket,
        door.socket() as dribbler,
        door.socket() as good,
    ):
        await dribbler.send(hello()[:5])
        await greeted(good)
        assert await closed(socket) == 1008
        assert await closed(dribbler) == 1008
        await good.send(mqtt5.PingReqPacket().write())
        assert await good.recv() == PINGRESP


async def test_there_are_so_many_places_and_no_more(broker: LocalBroker) -> None:
    async with door_to(broker.port, places=2) as door:
        async with door.socket() as first, door.socket():
            await greeted(first)
            with pytest.raises(InvalidStatus) as refusal:
                async with door.socket():
                    pass
            assert refusal.value.response.status_code == 503
        await until(lambda: door.inside.open == 0)
        async with door.socket() as again:
            await greeted(again)


async def test_while_the_broker_is_away_nobody_is_let_in(broker: LocalBroker, door: OpenDoor) -> None:
    async with door.socket() as socket:
        await greeted(socket)
        await broker.stop()
        assert await closed(socket, within_s=2) == 1000
    with pytest.raises(InvalidStatus) as refusal:
        async with door.socket():
            pass
    assert refusal.value.response.status_code == 503


async def test_an_abrupt_end_sends_the_will_and_a_proper_one_does_not(broker: LocalBroker, door: OpenDoor) -> None:
    inbox = Inbox()
    will = mqtt5.Will("company/1/machine/A/status", payload=b'{"status":"offline"}')
    async with connected(settings_for(broker.port, "backend"), "company/#", inbox=inbox):
        async with door.socket() as polite:
            await greeted(polite, hello(will=will))
            await polite.send(mqtt5.DisconnectPacket().write())
        async with door.socket() as closing:
            await greeted(closing, hello(will=will))
        (first,) = await inbox.holds(1)
        async with door.socket() as cut:
            await greeted(cut, hello(will=will))
            cut.transport.abort()
            await inbox.holds(2, within_s=2)
    assert first.payload == b'{"status":"offline"}'
    assert len(inbox.messages) == 2


async def test_a_peer_that_never_reads_hurts_nobody_else(broker: LocalBroker, door: OpenDoor) -> None:
    """Fifty megabytes for it; what piles up here is the two buffers' bound, and the broker drops the rest."""
    process = psutil.Process()
    async with door.socket() as deaf, paho(door, "machine-a") as other:
        await greeted(deaf, hello("backend"))
        subscribe = mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("company/#", max_qos=mqtt5.QoS.AT_MOST_ONCE)])
        await deaf.send(subscribe.write())
        await deaf.recv()
        deaf.transport.pause_reading()
        before = process.memory_info().rss
        for _ in range(200):
            await asyncio.wait_for(other.publish(TOPIC, b"x" * 250_000, qos=1), 5)
        assert process.memory_info().rss - before < 15_000_000
        assert door.inside.open == 2
        deaf.transport.abort()
    await until(lambda: door.inside.open == 0)


async def test_a_peer_that_pings_and_never_reads_is_cut_off(door: OpenDoor) -> None:
    ping = b"\x89\xfd" + bytes(4) + b"p" * 125
    async with door.socket() as deaf:
        await greeted(deaf)
        deaf.transport.pause_reading()
        async with asyncio.timeout(20):
            while door.inside.open:
                deaf.transport.write(ping * 1000)
                await asyncio.sleep(0)
                while deaf.transport.get_write_buffer_size() > 1_000_000 and door.inside.open:
                    await asyncio.sleep(0.001)
        deaf.transport.abort()


async def test_a_broker_that_reads_nothing_stops_the_reading_from_the_socket() -> None:
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await reader.readexactly(1)
        writer.write(b"\x20\x03\x00\x00\x00")
        reading = writer.transport
        assert isinstance(reading, asyncio.ReadTransport)
        reading.pause_reading()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        async with door_to(server.sockets[0].getsockname()[1]) as door, door.socket() as socket:
            await greeted(socket)
            sent = 0
            with suppress(TimeoutError):
                while sent < 80:
                    await asyncio.wait_for(socket.send(b"x" * 500_000), 1)
                    sent += 1
            assert sent < 80, "forty megabytes were taken that nobody reads"
            held[0].transport.abort()
            socket.transport.abort()
    finally:
        server.close()
        await server.wait_closed()


async def test_a_machine_that_is_disabled_is_put_out_of_the_door_too(platform: Platform) -> None:
    login = await platform.add_machine("DOOR-1")
    packet = mqtt5.ConnectPacket("door-1", username=login.mqtt_username, password=login.mqtt_password.encode())
    url = f"ws://127.0.0.1:{platform.settings.port}/mqtt"
    async with connect(url, subprotocols=[MQTT], proxy=None) as socket:
        assert (await greeted(socket, packet.write()))[3] == 0
        await socket.send(mqtt5.PublishPacket(topic(login, "telemetry"), b'{"battery":13}').write())
        (await platform.call("PATCH", "/machines/DOOR-1", json={"enabled": False})).raise_for_status()
        assert await closed(socket, within_s=2) is not None
