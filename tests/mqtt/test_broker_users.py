"""Who may do what, and how that changes while the broker runs."""

import asyncio
from pathlib import Path
from signal import Signals

import pytest

from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.local_broker import BrokerError, LocalBroker
from sunsweep.mqtt.port import NotAuthorisedError, Published
from tests.support import mosquitto
from tests.support.broker import (
    BACKEND,
    EVERYBODY,
    HOST,
    MACHINE_A,
    MACHINE_B,
    MEMBER,
    PASSWORD,
    Inbox,
    as_member,
    connected,
    quick,
    running,
    running_broker,
    settings_for,
    until,
)
from tests.support.ports import free_port

A = {"username": "machine-a", "password": PASSWORD}
TELEMETRY = "company/1/machine/A/telemetry"


async def test_a_machine_has_its_own_topics_and_nothing_else(broker: LocalBroker) -> None:
    inbox = Inbox()
    async with (
        connected(settings_for(broker.port, "backend"), "company/#", inbox=inbox) as backend,
        mosquitto.subscriber(broker.port, "company/#", "-q", "1", **A) as nosy,
    ):
        assert (await mosquitto.publish(broker.port, TELEMETRY, "own", "-q", "1", **A))[0] == 0
        await mosquitto.publish(broker.port, "company/1/machine/B/telemetry", "foreign", "-q", "1", **A)
        await mosquitto.publish(broker.port, "company/2/machine/A/telemetry", "foreign", "-q", "1", **A)
        await backend.publish("company/1/machine/B/command", b"for B", qos=1)
        await backend.publish("company/1/machine/A/command", b"for A", qos=1)
        await inbox.holds(3)
        assert await nosy.message() == "own"
        assert await nosy.message() == "for A"
    assert inbox.payloads == [b"own", b"for B", b"for A"]


async def test_nobody_gets_in_without_the_right_password(broker: LocalBroker) -> None:
    for who in ({}, {"username": "machine-a"}, {"username": "machine-a", "password": "x"}, {"username": "x"}):
        code, said = await mosquitto.publish(broker.port, TELEMETRY, "x", **who)
        assert code != 0
        assert "authori" in said.lower()


async def test_a_new_login_works_and_the_others_do_not_notice(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "backend")) as backend:
        newcomer = MqttClient(settings_for(broker.port, "machine-c"), backoff=quick())
        async with running(newcomer):
            await until(lambda: newcomer.connection > 2)
            await broker.apply([*EVERYBODY, MACHINE_A._replace(username="machine-c")])
            async with asyncio.timeout(5):
                await newcomer.wait_connected()
            assert await newcomer.publish(TELEMETRY, b"", qos=1) is Published.NOBODY_LISTENS
        assert (backend.connected, backend.connection) == (True, 1)


async def test_a_revoked_login_ends_now(broker: LocalBroker) -> None:
    async with (
        connected(settings_for(broker.port, "machine-a")) as revoked,
        connected(settings_for(broker.port, "machine-b")) as other,
    ):
        await broker.apply([BACKEND, MACHINE_B])
        await until(lambda: not revoked.connected, within_s=2)
        attempts = revoked.connection
        await until(lambda: revoked.connection > attempts + 2)
        assert not revoked.connected
        assert (other.connected, other.connection) == (True, 1)


async def test_changed_rules_hold_for_those_who_are_connected(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "machine-a")) as machine:
        assert await machine.publish(TELEMETRY, b"", qos=1) is Published.NOBODY_LISTENS
        await broker.apply([BACKEND, MACHINE_A._replace(rules=())])
        with pytest.raises(NotAuthorisedError):
            await machine.publish(TELEMETRY, b"", qos=1)


async def test_changes_at_the_same_time_are_all_in_force(broker: LocalBroker) -> None:
    await asyncio.gather(*(broker.apply([MACHINE_A._replace(username=f"m-{number}")]) for number in range(20)))
    async with connected(settings_for(broker.port, "m-19")):
        pass


async def test_a_signal_that_the_broker_forgets_is_given_again(
    broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = broker._process
    assert process is not None
    signal, given = process._signal, []

    def forgetful(number: Signals) -> None:
        given.append(number)
        if len(given) > 1:
            signal(number)

    monkeypatch.setattr(process, "_signal", forgetful)
    await broker.apply([MACHINE_A._replace(username="m-new")])
    monkeypatch.undo()
    assert given[:2] == [Signals.SIGHUP] * 2
    async with connected(settings_for(broker.port, "m-new")):
        pass


async def test_a_member_away_loses_nothing_through_restarts_and_new_logins(tmp_path: Path) -> None:
    inbox = Inbox()
    async with running_broker(tmp_path, EVERYBODY, [MEMBER]) as broker:

        async def publish(payload: bytes) -> None:
            async with connected(settings_for(broker.port, "machine-a")) as machine:
                assert await machine.publish(TELEMETRY, payload, qos=1) is Published.DELIVERED

        await publish(b"before any member ever came")
        await broker.stop()
        await broker.start(EVERYBODY, [MEMBER])
        await publish(b"after a restart")
        await broker.apply([*EVERYBODY, MACHINE_A._replace(username="machine-c")])
        await publish(b"after a new login")
        await broker.stop()
        await broker.start(EVERYBODY, [MEMBER])
        await broker.apply(EVERYBODY)
        await broker.apply([BACKEND, MACHINE_A])
        await publish(b"after all that again")
        async with connected(as_member(broker.port), inbox=inbox):
            await inbox.holds(4)
    assert inbox.payloads == [
        b"before any member ever came",
        b"after a restart",
        b"after a new login",
        b"after all that again",
    ]


async def test_without_standing_in_mosquitto_would_have_lost_it(tmp_path: Path) -> None:
    """Why `stand_in` exists; when this fails, a newer mosquitto has mended it."""
    inbox = Inbox()
    async with running_broker(tmp_path, EVERYBODY, [MEMBER]) as broker:
        await broker.stop()
        await broker.start(EVERYBODY, [])
        await broker.apply(EVERYBODY)
        async with connected(settings_for(broker.port, "machine-a")) as machine:
            assert await machine.publish(TELEMETRY, b"lost", qos=1) is Published.DELIVERED
            async with connected(as_member(broker.port), inbox=inbox):
                await machine.publish(TELEMETRY, b"live", qos=1)
                await inbox.holds(1)
    assert inbox.payloads == [b"live"]


async def test_standing_in_takes_nothing_away(tmp_path: Path) -> None:
    inbox = Inbox()
    async with running_broker(tmp_path, EVERYBODY, [MEMBER]) as broker:
        async with connected(settings_for(broker.port, "machine-a")) as machine:
            await asyncio.gather(*(machine.publish(TELEMETRY, b"%d" % number, qos=1) for number in range(500)))
        for _ in range(3):
            await broker.stop()
            await broker.start(EVERYBODY, [MEMBER])
        async with connected(as_member(broker.port), inbox=inbox) as member:
            await inbox.holds(500)
            member.acknowledge(inbox.messages)
    assert inbox.payloads == [b"%d" % number for number in range(500)]


async def test_a_member_without_a_login_fails_the_start(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path, host=HOST, port=free_port())
    with pytest.raises(BrokerError, match="ingest-0 does not stand: the broker refused the login of backend"):
        await broker.start([MACHINE_A], [MEMBER])
    assert broker.pid is None
