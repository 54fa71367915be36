"""What is delivered, acknowledged, delivered again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.port import Message, Published
from tests.support import mosquitto
from tests.support.broker import EVERYBODY, MEMBER, PASSWORD, Inbox, as_member, connected, running, settings_for, until

TELEMETRY = "company/1/machine/A/telemetry"
FILTER = MEMBER.subscriptions[0].topic_filter


async def test_a_message_arrives_with_all_it_carries(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with (
        connected(settings_for(broker.port, "backend"), FILTER, inbox=inbox) as backend,
        connected(settings_for(broker.port, "machine-a")) as machine,
    ):
        assert await machine.publish(TELEMETRY, b"{}", qos=1) is Published.DELIVERED
        [message] = await inbox.holds(1)
    assert message.topic == TELEMETRY
    assert message.payload == b"{}"
    assert (message.qos, message.retain, message.connection) == (1, False, backend.connection)
    assert message.packet_id is not None
    assert message.received_ms > 1_700_000_000_000


async def test_qos_0_needs_no_acknowledgement(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with connected(settings_for(broker.port, "backend"), FILTER, inbox=inbox) as backend:
        assert await backend.publish(TELEMETRY, b"x") is Published.DELIVERED
        [message] = await inbox.holds(1)
        backend.acknowledge([message])
    assert (message.qos, message.packet_id) == (0, None)


async def test_what_was_not_acknowledged_comes_again_and_the_rest_does_not(broker: LocalBroker) -> None:
    first, second = Inbox(), Inbox()
    async with connected(settings_for(broker.port, "machine-a")) as machine:
        async with connected(as_member(broker.port), FILTER, inbox=first) as member:
            for number in range(10):
                await machine.publish(TELEMETRY, b"%d" % number, qos=1)
            messages = await first.holds(10)
            member.acknowledge(messages[:4])
        async with connected(as_member(broker.port), FILTER, inbox=second) as member:
            await machine.publish(TELEMETRY, b"last", qos=1)
            await second.holds(7)
            member.acknowledge(second.messages)
    assert second.payloads == [b"4", b"5", b"6", b"7", b"8", b"9", b"last"]


async def test_what_waits_in_the_session_may_be_acknowledged_before_the_subscriptions_stand(
    broker: LocalBroker,
) -> None:
    inbox = Inbox()
    settings = replace(as_member(broker.port), receive_maximum=10)
    async with connected(as_member(broker.port), FILTER):
        pass
    async with connected(settings_for(broker.port, "machine-a")) as machine:
        await asyncio.gather(*(machine.publish(TELEMETRY, b"x", qos=1) for _ in range(100)))
    async with connected(settings, FILTER, inbox=inbox) as member:
        # Whatever comes with the welcome fills the window: nothing more comes unless it is acknowledged.
        acknowledged = 0
        while acknowledged < 100:
            await inbox.holds(acknowledged + 1)
            some = inbox.messages[acknowledged:]
            member.acknowledge(some)
            acknowledged += len(some)


async def test_an_acknowledgement_of_an_older_connection_is_passed_over(broker: LocalBroker) -> None:
    inbox, again = Inbox(), Inbox()
    async with connected(settings_for(broker.port, "machine-a")) as machine:
        async with connected(as_member(broker.port), FILTER, inbox=inbox) as member:
            await machine.publish(TELEMETRY, b"one", qos=1)
            [stale] = await inbox.holds(1)
            await broker.stop()  # saves, and keeps the packet id in the session
            await broker.start(EVERYBODY)
            await until(lambda: len(inbox.messages) > 1)
            fresh = inbox.messages[1]
            assert fresh.packet_id == stale.packet_id
            assert fresh.connection > stale.connection
            member.acknowledge([stale])
        async with connected(as_member(broker.port), FILTER, inbox=again) as member:
            [message] = await again.holds(1)
            member.acknowledge([message])
    assert message.payload == b"one"


async def test_the_broker_keeps_what_exceeds_the_receive_maximum(broker: LocalBroker) -> None:
    inbox = Inbox()
    settings = replace(settings_for(broker.port, "backend"), receive_maximum=5)
    async with (
        connected(settings, FILTER, inbox=inbox) as backend,
        connected(settings_for(broker.port, "machine-a")) as machine,
    ):
        await asyncio.gather(*(machine.publish(TELEMETRY, b"%d" % number, qos=1) for number in range(50)))
        await inbox.holds(5)
        await backend.publish("company/1/machine/A/elsewhere", b"", qos=1)  # a round trip
        assert len(inbox.messages) < 10
        backend.acknowledge(inbox.messages)
        while len(inbox.messages) < 50:
            known = len(inbox.messages)
            await inbox.holds(known + 1)
            backend.acknowledge(inbox.messages[known:])
    assert inbox.payloads == [b"%d" % number for number in range(50)]


async def test_a_burst_arrives_in_few_batches(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with connected(as_member(broker.port), FILTER):
        pass
    async with connected(settings_for(broker.port, "machine-a")) as machine:
        await asyncio.gather(*(machine.publish(TELEMETRY, b"x" * 100, qos=1) for _ in range(1000)))
    async with connected(as_member(broker.port), FILTER, inbox=inbox):
        await inbox.holds(1000)
    assert inbox.batches < 1000, "what one read brings comes in one call"


async def test_retained_messages_are_ignored_but_live_ones_of_the_same_topic_are_not(broker: LocalBroker) -> None:
    inbox = Inbox()
    who = {"username": "machine-a", "password": PASSWORD}
    await mosquitto.publish(broker.port, TELEMETRY, "old", "-r", "-q", "1", **who)
    async with connected(settings_for(broker.port, "backend"), FILTER, inbox=inbox) as backend:
        await mosquitto.publish(broker.port, TELEMETRY, "live", "-r", "-q", "1", **who)
        await inbox.holds(1)
        await backend.subscribe(*MEMBER.subscriptions)
    assert inbox.payloads == [b"live"]
    assert inbox.messages[0].retain is False


async def test_one_credential_may_have_two_connections(broker: LocalBroker) -> None:
    async with (
        connected(settings_for(broker.port, "machine-a", client_id="one")) as one,
        connected(settings_for(broker.port, "machine-a", client_id="two")) as two,
    ):
        for _ in range(3):
            await one.publish(TELEMETRY, b"1", qos=1)
            await two.publish(TELEMETRY, b"2", qos=1)
        assert (one.connection, two.connection) == (1, 1)


async def test_publishing_while_messages_are_handed_over_does_not_deadlock(broker: LocalBroker) -> None:
    echoes = list[asyncio.Task[Published]]()

    def echo(messages: Sequence[Message]) -> None:
        echoes.extend(asyncio.create_task(backend.publish("echo", message.payload, qos=1)) for message in messages)

    backend = MqttClient(settings_for(broker.port, "backend"), subscriptions=MEMBER.subscriptions, on_messages=echo)
    async with running(backend):
        await backend.wait_connected()
        await backend.publish(TELEMETRY, b"x", qos=1)
        await until(lambda: echoes)
        assert await asyncio.wait_for(echoes[0], 5) is Published.NOBODY_LISTENS


@pytest.mark.parametrize("size_bytes", [0, 1, 127, 128, 16_384, 300_000, 1_900_000])
async def test_a_message_of_any_size_arrives_whole(broker: LocalBroker, size_bytes: int) -> None:
    inbox = Inbox()
    payload = bytes(range(256)) * (size_bytes // 256) + bytes(size_bytes % 256)
    async with connected(settings_for(broker.port, "backend"), FILTER, inbox=inbox) as backend:
        await backend.publish(TELEMETRY, payload, qos=1)
        [message] = await inbox.holds(1)
    assert message.payload == payload
