"""What the broker answers to a publish, and what happens when it cannot."""

import asyncio

import mqtt5
import pytest

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.local_broker.files import MAX_PACKET_BYTES
from sunsweep.mqtt.port import MqttError, NotAuthorisedError, NotConnectedError, Published
from tests.support.broker import Inbox, connected, running, settings_for, until
from tests.support.fake_broker import WELCOME, fake_broker, packet_from, until_gone

COMMAND = "company/1/machine/A/command"


async def test_a_publish_that_nobody_listens_to_says_so(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "backend")) as backend:
        assert await backend.publish(COMMAND, b"{}", qos=1, expiry_s=10) is Published.NOBODY_LISTENS
        async with connected(settings_for(broker.port, "machine-a"), COMMAND):
            assert await backend.publish(COMMAND, b"{}", qos=1, expiry_s=10) is Published.DELIVERED


async def test_a_forbidden_publish_raises_and_the_connection_stays(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "machine-a")) as machine:
        with pytest.raises(NotAuthorisedError, match="company/1/machine/B"):
            await machine.publish("company/1/machine/B/telemetry", b"{}", qos=1)
        assert await machine.publish(COMMAND, b"{}", qos=1) is Published.NOBODY_LISTENS
        assert machine.connection == 1


async def test_more_than_the_broker_takes_is_refused_before_it_ends_the_connection(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "backend")) as backend:
        with pytest.raises(MqttError, match="more than the broker takes"):
            await backend.publish(COMMAND, bytes(MAX_PACKET_BYTES), qos=1)
        assert backend.connected


@pytest.mark.parametrize(("topic", "expiry_s"), [("", None), ("a/+", None), ("a/#", None), ("a", -1)])
async def test_what_is_no_publish_is_refused_before_it_ends_the_connection(
    broker: LocalBroker, topic: str, expiry_s: int | None
) -> None:
    async with connected(settings_for(broker.port, "backend")) as backend:
        with pytest.raises(ValueError, match="no publish"):
            await backend.publish(topic, b"", qos=1, expiry_s=expiry_s)


async def test_without_a_connection_nothing_is_published() -> None:
    client = MqttClient(settings_for(1, "backend"))
    for qos in (0, 1):
        with pytest.raises(NotConnectedError):
            await client.publish("a", b"", qos=qos)
    client.acknowledge([])
    assert not client.connected


async def test_a_connection_that_ends_before_the_answer_leaves_the_outcome_open_and_sends_nothing_again() -> None:
    published = 0

    async def swallow_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal published
        await packet_from(reader)
        writer.write(WELCOME)
        while True:
            if isinstance(await packet_from(reader), mqtt5.PublishPacket):
                published += 1
                return

    async with fake_broker(swallow_one) as fake, connected(settings_for(fake.port, "backend")) as backend:
        with pytest.raises(NotConnectedError):
            await backend.publish("a", b"", qos=1)
        await until(lambda: backend.connected and fake.connections == 2)
    assert published == 1


async def test_the_broker_s_receive_maximum_is_honoured_and_every_waiter_fails_at_the_end() -> None:
    seen = list[int]()
    go_on = asyncio.Event()

    async def at_most_two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(mqtt5.ConnAckPacket(receive_max=2).write())
        for _ in range(2):
            publish = await packet_from(reader)
            assert isinstance(publish, mqtt5.PublishPacket)
            assert publish.packet_id is not None
            seen.append(publish.packet_id)
        await go_on.wait()
        writer.write(mqtt5.PubAckPacket(seen[0]).write())
        publish = await packet_from(reader)
        assert isinstance(publish, mqtt5.PublishPacket)
        seen.append(publish.packet_id or 0)

    async with fake_broker(at_most_two) as fake, connected(settings_for(fake.port, "backend")) as backend:
        publishes = [asyncio.create_task(backend.publish("a", b"%d" % n, qos=1)) for n in range(5)]
        await until(lambda: len(seen) == 2)
        publishes[1].cancel()  # its packet id stays taken, for the broker still owes the answer
        go_on.set()
        done = await asyncio.wait_for(asyncio.gather(*publishes, return_exceptions=True), 5)
    assert done[0] is Published.DELIVERED
    assert isinstance(done[1], asyncio.CancelledError)
    assert [type(outcome) for outcome in done[2:]] == [NotConnectedError] * 3
    assert seen == [1, 2, 3]


async def test_a_peer_that_does_not_read_holds_publishers_back_and_lets_them_go_at_its_end() -> None:
    stalled = asyncio.Event()

    async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        await stalled.wait()

    async with fake_broker(read_nothing) as fake, connected(settings_for(fake.port, "backend")) as backend:

        async def flood() -> None:
            while True:
                await backend.publish("a", bytes(1_000_000))

        async def end_it() -> None:
            await asyncio.sleep(0)
            stalled.set()

        flooding = asyncio.create_task(flood())
        await until(lambda: not backend._link.exchange._writable.is_set())  # type: ignore[union-attr]  # it is connected
        assert not flooding.done()
        await end_it()
        with pytest.raises(NotConnectedError):
            await asyncio.wait_for(flooding, 5)


async def test_thousands_at_once_are_all_answered(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with (
        connected(settings_for(broker.port, "backend"), "many", inbox=inbox),
        connected(settings_for(broker.port, "backend")) as backend,
    ):
        outcomes = await asyncio.gather(*(backend.publish("many", b"%d" % n, qos=1) for n in range(3000)))
        await inbox.holds(3000)
    assert set(outcomes) == {Published.DELIVERED}
    assert inbox.payloads == [b"%d" % n for n in range(3000)]


async def test_leaving_fails_what_waits() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        await until_gone(reader)

    async with fake_broker(silent) as fake:
        client = MqttClient(settings_for(fake.port, "backend"))
        async with running(client):
            await client.wait_connected()
            waiting = asyncio.create_task(client.publish("a", b"", qos=1))
            await asyncio.sleep(0)
        with pytest.raises(NotConnectedError):
            await waiting
