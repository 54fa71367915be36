"""The connection ends in every way there is, and comes back."""

import asyncio
import logging
import os
import signal
from dataclasses import replace

import mqtt5
import pytest

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.forget import forget_session
from sunsweep.mqtt.link import Link
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.port import Published, Subscription
from tests.support.broker import EVERYBODY, Inbox, as_member, connected, quick, running, settings_for, until
from tests.support.fake_broker import WELCOME, any_packet_from, fake_broker, packet_from, until_gone


async def test_a_killed_broker_is_told_of_once_and_found_again(
    broker: LocalBroker, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Inbox()
    caplog.set_level(logging.DEBUG, "sunsweep.mqtt.client")
    async with connected(settings_for(broker.port, "backend"), "a", inbox=inbox) as client:
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        await until(lambda: not client.connected)
        await until(lambda: sum("Connect call failed" in record.message for record in caplog.records) > 3)
        await broker.start(EVERYBODY)
        await until(lambda: client.connected)
        assert await client.publish("a", b"back", qos=1) is Published.DELIVERED
        await inbox.holds(1)
    refusals = [record.levelno for record in caplog.records if "Connect call failed" in record.message]
    assert refusals[0] == logging.WARNING
    assert set(refusals[1:]) == {logging.DEBUG}
    assert any(
        record.levelno == logging.INFO and "connected again after" in record.message for record in caplog.records
    )


async def test_a_refused_login_is_said_plainly_and_once(broker: LocalBroker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sunsweep.mqtt.client")
    client = MqttClient(replace(settings_for(broker.port, "machine-a"), password="wrong"), backoff=quick())
    said = "the broker refused the login of machine-a"
    async with running(client):
        await until(lambda: sum(said in record.message for record in caplog.records) > 3)
        assert not client.connected
    warnings = [record for record in caplog.records if said in record.message and record.levelno >= logging.WARNING]
    assert len(warnings) == 1


async def test_a_forgotten_session_is_told(broker: LocalBroker, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(as_member(broker.port)) as member:
        async with connected(replace(as_member(broker.port), clean_start=True, session_expiry_s=0)):
            await until(lambda: not member.connected)
        await until(lambda: member.connected and "forgotten the session" in caplog.text)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER, "another process has connected with this client id"),
        (mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN, "the broker ended the connection (SERVER_SHUTTING_DOWN)"),
    ],
)
async def test_why_the_broker_ended_the_connection_is_said(
    reason: mqtt5.DisconnectReasonCode, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME + mqtt5.DisconnectPacket(reason_code=reason).write())

    async with fake_broker(script) as broker, running(MqttClient(settings_for(broker.port, "x"), backoff=quick())):
        await until(lambda: words in caplog.text)


async def test_no_connection_is_made_while_the_gate_is_closed(broker: LocalBroker) -> None:
    gate = asyncio.Event()

    async def is_open() -> None:
        await gate.wait()

    client = MqttClient(settings_for(broker.port, "backend"), gate=is_open, backoff=quick())
    async with running(client):
        await asyncio.sleep(0.1)
        assert client.connection == 0
        gate.set()
        await until(lambda: client.connected)
        gate.clear()
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        await until(lambda: not client.connected)
        await broker.start(EVERYBODY)
        await asyncio.sleep(0.3)
        assert client.connection == 1
        gate.set()
        await until(lambda: client.connected)


async def test_a_session_can_be_ended(broker: LocalBroker) -> None:
    async with connected(as_member(broker.port), "a"):
        pass
    await forget_session(as_member(broker.port))
    link = Link(as_member(broker.port), 0, on_messages=Inbox().take, clock_ms=lambda: 0)
    async with opened(link, as_member(broker.port)):
        assert not link.welcome.result().session_present


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100),
    "zeros": bytes(64),
    "no packet type": b"\xf0\x00\x00\x00",
    "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "a giant packet": b"\x30\xff\xff\xff\x7f",
    "quality of service 3": b"\x36\x05\x00\x01a\x00\x01",
    "a topic beyond the packet": b"\x30\x04\x00\x09aa",
    "properties beyond the packet": b"\x30\x04\x00\x01a\x09",
    "a second welcome": WELCOME,
    "a client's packet": mqtt5.PingReqPacket().write(),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
@pytest.mark.parametrize("welcome", [b"", WELCOME], ids=["at once", "after the welcome"])
async def test_garbage_ends_the_connection_and_nothing_else(garbage: bytes, welcome: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fake.connections > 1:
            await behave(reader, writer)
            return
        await packet_from(reader)
        writer.write(welcome + (garbage if welcome or garbage != WELCOME else garbage * 2))
        await until_gone(reader)

    async with fake_broker(babble) as fake, connected(settings_for(fake.port, "x")) as client:
        await until(lambda: fake.connections == 2 and client.connected)


async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await packet_from(reader)
    writer.write(WELCOME)
    while True:
        if isinstance(await packet_from(reader), mqtt5.PingReqPacket):
            writer.write(mqtt5.PingRespPacket().write())


async def test_packets_in_single_bytes_arrive_whole() -> None:
    inbox = Inbox()
    publish = mqtt5.PublishPacket("a", b"in pieces", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=9).write()

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        for byte in WELCOME + publish * 2:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await until_gone(reader)

    async with fake_broker(dribble) as fake, connected(settings_for(fake.port, "x"), inbox=inbox):
        await inbox.holds(2)
    assert inbox.payloads == [b"in pieces"] * 2


# The codec panics, and Rust's own report goes past every handler.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_one_unreadable_message_does_not_end_the_connection() -> None:
    inbox = Inbox()
    acknowledged = asyncio.Event()
    poison = b"\x32\x0d\x00\x01a\x00\x07\x04\x03\x00\x01\xffPAY"  # content type: one byte that is no UTF-8

    async def pass_it_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME + poison)
        answer = await packet_from(reader)
        assert isinstance(answer, mqtt5.PubAckPacket)
        assert answer.packet_id == 7
        acknowledged.set()
        await until_gone(reader)

    async with fake_broker(pass_it_on) as fake, connected(settings_for(fake.port, "x"), inbox=inbox) as client:
        [message] = await inbox.holds(1)
        client.acknowledge([message])
        await asyncio.wait_for(acknowledged.wait(), 5)
        assert fake.connections == 1
    assert (message.topic, message.payload, message.qos) == ("a", b"PAY", 1)


async def test_qos_2_which_we_never_ask_for_is_answered_properly() -> None:
    inbox = Inbox()
    answers = list[mqtt5.Packet]()

    async def exactly_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        publish = mqtt5.PublishPacket("a", b"", qos=mqtt5.QoS.EXACTLY_ONCE, packet_id=5)
        writer.write(WELCOME + publish.write())
        answers.append(await packet_from(reader))
        writer.write(mqtt5.PubRelPacket(5).write())
        answers.append(await packet_from(reader))
        await until_gone(reader)

    async with fake_broker(exactly_once) as fake, connected(settings_for(fake.port, "x"), inbox=inbox) as client:
        client.acknowledge(await inbox.holds(1))
        await until(lambda: len(answers) == 2)
    assert [type(answer) for answer in answers] == [mqtt5.PubRecPacket, mqtt5.PubCompPacket]


@pytest.mark.parametrize("welcome", [b"", WELCOME], ids=["never welcomed", "silent later"])
async def test_a_silent_peer_is_given_up(welcome: bytes) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(welcome)
        await until_gone(reader)

    async with fake_broker(silent) as fake:
        settings = replace(settings_for(fake.port, "x"), keep_alive_s=1, connect_timeout_s=0.2)
        async with running(MqttClient(settings, backoff=quick())):
            await until(lambda: fake.connections == 2)


async def test_a_quiet_connection_is_kept_alive() -> None:
    pings = list[float]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(mqtt5.ConnAckPacket(server_keep_alive=1).write())
        while isinstance(await packet_from(reader), mqtt5.PingReqPacket):
            pings.append(asyncio.get_running_loop().time())
            writer.write(mqtt5.PingRespPacket().write())

    async with fake_broker(answer) as fake, connected(settings_for(fake.port, "x")):
        await until(lambda: len(pings) == 5)  # 2.5 of the broker's keep-alives
        assert fake.connections == 1


async def test_a_client_that_does_not_read_is_kept_alive_and_gets_everything_later(broker: LocalBroker) -> None:
    inbox = Inbox()
    settings = replace(as_member(broker.port), keep_alive_s=1)
    loop = asyncio.get_running_loop()
    async with (
        connected(settings, "a", inbox=inbox) as client,
        connected(settings_for(broker.port, "backend")) as other,
    ):
        client.pause_reading()
        since_s = loop.time()
        await asyncio.gather(*(other.publish("a", b"%d" % number, qos=1) for number in range(100)))
        await until(lambda: loop.time() - since_s > 2.5)
        assert inbox.messages == []
        assert client.connected
        client.resume_reading()
        await inbox.holds(100)
        assert client.connection == 1


async def test_a_client_paused_before_a_reconnect_stays_paused_after_it(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with (
        connected(settings_for(broker.port, "backend"), "a", inbox=inbox) as client,
        connected(settings_for(broker.port, "backend")) as other,
    ):
        client.pause_reading()
        await broker.stop()
        await broker.start(EVERYBODY)
        # It does not read, and so learns of the end by its next ping at the earliest: told here.
        client._link._transport.abort()  # type: ignore[union-attr]  # it is connected
        await until(lambda: client.connected and client.connection == 2 and other.connected)
        await other.publish("a", b"1", qos=1)
        assert inbox.messages == []
        client.resume_reading()
        await inbox.holds(1)


async def test_two_clients_of_one_name_back_off_from_each_other(broker: LocalBroker) -> None:
    settings = settings_for(broker.port, "backend", client_id="twin")
    async with connected(settings) as one:
        async with connected(settings) as other:
            await until(lambda: one.connection + other.connection > 3)
        await until(lambda: one.connected)


async def test_an_error_in_the_callback_ends_the_connection_not_the_client(broker: LocalBroker) -> None:
    calls = 0

    def fail_once(messages: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("of the callback")

    told = list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context.get("exception"))))
    client = MqttClient(
        as_member(broker.port), subscriptions=[Subscription("a")], on_messages=fail_once, backoff=quick()
    )
    async with running(client):
        await client.wait_connected()
        async with connected(settings_for(broker.port, "backend")) as other:
            await other.publish("a", b"", qos=1)
        await until(lambda: calls == 2)  # unacknowledged, it came again
    assert told == ["of the callback"]


async def test_leaving_says_goodbye_and_keeps_the_session() -> None:
    said = list[mqtt5.Packet]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(await packet_from(reader))
        writer.write(WELCOME)
        said.append(await any_packet_from(reader))

    async with fake_broker(listen) as fake:
        async with connected(as_member(fake.port)):
            pass
        await until(lambda: len(said) == 2)
    connect, goodbye = said
    assert isinstance(connect, mqtt5.ConnectPacket)
    assert (connect.clean_start, connect.session_expiry_interval, connect.receive_max) == (False, 3600, 4000)
    assert isinstance(goodbye, mqtt5.DisconnectPacket)
    assert (goodbye.reason_code.value, goodbye.session_expiry_interval) == (0, None)


async def test_leaving_a_peer_that_does_not_read_does_not_hang() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        await gone.wait()

    gone = asyncio.Event()
    async with fake_broker(stall) as fake:
        client = MqttClient(settings_for(fake.port, "x"))
        async with running(client) as task:
            await client.wait_connected()
            for _ in range(20):
                client._link._write(bytes(1_000_000))  # type: ignore[union-attr]  # it is connected
            task.cancel()
            await asyncio.wait([task], timeout=5)
            assert task.done()
        gone.set()
