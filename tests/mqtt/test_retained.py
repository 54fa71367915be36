"""What the broker retains is found and cleared, and none of our readers takes that for a message."""

from pathlib import Path

import pytest

from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.mqtt.port import NotAuthorisedError, Rule
from sunsweep.mqtt.retained import clear_retained
from tests.support import mosquitto
from tests.support.broker import PASSWORD, Inbox, connected, login, running_broker, settings_for

ROOT = "company/1/machine/A"
WHO = {"username": "machine-a", "password": PASSWORD}


async def retained(broker: LocalBroker, *topics: str) -> None:
    for topic in topics:
        assert (await mosquitto.publish(broker.port, topic, "kept", "-r", "-q", "1", **WHO))[0] == 0


async def test_all_that_is_retained_below_a_filter_is_cleared_and_nothing_else(broker: LocalBroker) -> None:
    mine = [f"{ROOT}/status", f"{ROOT}/telemetry", f"{ROOT}/of/its/own"]
    await retained(broker, *mine)
    async with connected(settings_for(broker.port, "machine-b")) as other:
        assert other.connected
        await mosquitto.publish(
            broker.port, "company/1/machine/B/status", "b", "-r", "-q", "1", username="machine-b", password=PASSWORD
        )
    backend = settings_for(broker.port, "backend")
    assert await clear_retained(backend, [f"{ROOT}/#"], quiet_s=0.2) == set(mine)
    assert await clear_retained(backend, ["#"], quiet_s=0.2) == {"company/1/machine/B/status"}


async def test_our_own_readers_hear_nothing_of_it_but_an_empty_message_of_a_machine(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with connected(settings_for(broker.port, "backend"), f"{ROOT}/+", inbox=inbox):
        await retained(broker, f"{ROOT}/status")
        await clear_retained(settings_for(broker.port, "backend"), [f"{ROOT}/#"], quiet_s=0.2)
        async with connected(settings_for(broker.port, "machine-a")) as machine:
            await machine.publish(f"{ROOT}/telemetry", b"", qos=1)
        await inbox.holds(2)
    assert [(message.topic, message.payload) for message in inbox.messages] == [
        (f"{ROOT}/status", b"kept"),
        (f"{ROOT}/telemetry", b""),
    ]


async def test_who_may_not_publish_there_is_told(tmp_path: Path) -> None:
    looker = login("looker", Rule("read", "#"))
    machine = login("machine-a", Rule("readwrite", f"{ROOT}/#"))
    async with running_broker(tmp_path, [looker, machine]) as broker:
        await retained(broker, f"{ROOT}/status")
        with pytest.raises(NotAuthorisedError):
            await clear_retained(settings_for(broker.port, "looker"), [f"{ROOT}/#"], quiet_s=0.2)
