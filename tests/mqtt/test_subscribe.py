"""Filters come and go, and stand again after every reconnect."""

import asyncio
from dataclasses import replace

import mqtt5
import pytest

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.port import NotAuthorisedError, NotConnectedError, Published, Subscription
from tests.support.broker import EVERYBODY, Inbox, connected, quick, running, settings_for, until
from tests.support.fake_broker import WELCOME, fake_broker, packet_from, until_gone


async def test_a_filter_stands_once_subscribe_returns_and_is_gone_once_unsubscribe_does(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with connected(settings_for(broker.port, "backend"), inbox=inbox) as client:
        await client.subscribe(Subscription("a"), Subscription("b", 0))
        await client.publish("a", b"1", qos=1)
        await client.publish("b", b"2", qos=1)
        await client.unsubscribe("a")
        assert await client.publish("a", b"3", qos=1) is Published.NOBODY_LISTENS
        await inbox.holds(2)
    assert [(message.payload, message.qos) for message in inbox.messages] == [(b"1", 1), (b"2", 0)]


async def test_hundreds_of_filters_stand(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "backend")) as client:
        await client.subscribe(*(Subscription(f"many/{number}") for number in range(250)))
        assert await client.publish("many/249", b"", qos=1) is Published.DELIVERED
        await client.unsubscribe(*(f"many/{number}" for number in range(250)))
        assert await client.publish("many/249", b"", qos=1) is Published.NOBODY_LISTENS


async def test_after_a_reconnect_exactly_what_is_wanted_stands(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "backend"), "first", "second") as client:
        await client.subscribe(Subscription("third"))
        await client.unsubscribe("first")
        await broker.stop()
        await until(lambda: not client.connected)
        with pytest.raises(NotConnectedError):
            await client.subscribe(Subscription("fourth"))
        await client.unsubscribe("second")
        await broker.start(EVERYBODY)
        await until(lambda: client.connected)
        outcomes = [await client.publish(topic, b"", qos=1) for topic in ("first", "second", "third", "fourth")]
    assert outcomes == [Published.NOBODY_LISTENS] * 2 + [Published.DELIVERED] * 2


async def test_a_filter_dropped_while_away_leaves_a_persistent_session_too(broker: LocalBroker) -> None:
    settings = replace(settings_for(broker.port, "backend", client_id="s"), clean_start=False, session_expiry_s=60)
    client = MqttClient(settings, subscriptions=[Subscription("old")], backoff=quick())
    async with running(client):
        await client.wait_connected()
    await client.unsubscribe("old")
    async with running(client):
        await client.wait_connected()
        assert await client.publish("old", b"", qos=1) is Published.NOBODY_LISTENS


async def test_a_refused_filter_raises_and_is_not_tried_again() -> None:
    filters = list[str]()

    async def refuse_dynamic(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        while True:
            packet = await packet_from(reader)
            if isinstance(packet, mqtt5.SubscribePacket):
                [one] = packet.topic_filters
                filters.append(one.pattern)
                assert (one.retain_handling.value, one.retain_as_published) == (2, False)
                granted = one.pattern == "fine"
                code = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
                answer = code if granted else mqtt5.SubAckReasonCode.NOT_AUTHORIZED
                writer.write(mqtt5.SubAckPacket(packet.packet_id, [answer]).write())
            elif isinstance(packet, mqtt5.UnsubscribePacket):
                codes = [mqtt5.UnsubAckReasonCode.NO_SUBSCRIPTION_EXISTED]
                writer.write(mqtt5.UnsubAckPacket(packet.packet_id, codes).write())

    async with fake_broker(refuse_dynamic) as fake, connected(settings_for(fake.port, "x"), "fine") as client:
        with pytest.raises(NotAuthorisedError, match="forbidden"):
            await client.subscribe(Subscription("forbidden"))
        fake.drop_all()
        await until(lambda: fake.connections == 2 and client.connected)
    assert filters == ["fine", "forbidden", "fine"]


async def test_a_client_whose_filter_is_refused_does_not_pass_for_connected(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        packet = await packet_from(reader)
        assert isinstance(packet, mqtt5.SubscribePacket)
        writer.write(mqtt5.SubAckPacket(packet.packet_id, [mqtt5.SubAckReasonCode.NOT_AUTHORIZED]).write())
        await until_gone(reader)

    async with fake_broker(refuse) as fake:
        client = MqttClient(settings_for(fake.port, "x"), subscriptions=[Subscription("mine")], backoff=quick())
        async with running(client):
            await until(lambda: fake.connections > 3)
            assert not client.connected
    told = [record for record in caplog.records if "mine (NOT_AUTHORIZED)" in record.message]
    assert [record.levelname for record in told if record.levelname == "WARNING"] == ["WARNING"]
