"""Mosquitto starts, says why it cannot, comes back, and leaves nothing behind."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sunsweep.mqtt.local_broker import BrokerError, LocalBroker, PortBusyError
from sunsweep.mqtt.port import Published
from tests.support.broker import EVERYBODY, HOST, MEMBER, Inbox, as_member, connected, settings_for, until
from tests.support.ports import free_port


def is_there(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        broker = LocalBroker(tmp_path, host=HOST, port=port)
        with pytest.raises(PortBusyError, match=str(port)) as caught:
            await broker.start(EVERYBODY)
    assert (caught.value.host, caught.value.port) == (HOST, port)
    await broker.start(EVERYBODY)
    await broker.stop()


async def test_a_port_that_has_just_been_left_is_not_busy(broker: LocalBroker) -> None:
    async with connected(settings_for(broker.port, "backend")):
        await broker.stop()  # the broker closes first: its side waits out TIME_WAIT
        await broker.start(EVERYBODY)


async def test_a_start_that_fails_tells_mosquitto_s_own_words(tmp_path: Path) -> None:
    (tmp_path / "mosquitto.db").write_bytes(b"this is no database")
    with pytest.raises(BrokerError, match=r"mosquitto did not start: .*mosquitto\.db|mosquitto did not start: .*Error"):
        await LocalBroker(tmp_path, host=HOST, port=free_port()).start(EVERYBODY)


async def test_without_mosquitto_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(BrokerError, match="apt-get install mosquitto"):
        await LocalBroker(tmp_path, host=HOST, port=free_port()).start(EVERYBODY)


async def test_two_brokers_do_not_share_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunsweep.mqtt.local_broker.lock._PREDECESSOR_MAY_TAKE_S", 0.1)
    first = LocalBroker(tmp_path, host=HOST, port=free_port())
    await first.start(EVERYBODY)
    with pytest.raises(BrokerError, match="another broker"):
        await LocalBroker(tmp_path, host=HOST, port=free_port()).start(EVERYBODY)
    await first.stop()


async def test_stopping_leaves_no_process_and_keeps_the_sessions(broker: LocalBroker) -> None:
    pid = broker.pid
    assert pid is not None
    async with connected(as_member(broker.port), *(subscription.topic_filter for subscription in MEMBER.subscriptions)):
        pass
    async with connected(settings_for(broker.port, "machine-a")) as machine:
        await machine.publish("company/1/machine/A/telemetry", b"kept", qos=1)
    await broker.stop()
    assert broker.pid is None
    assert not is_there(pid)
    await broker.stop()  # once more does no harm
    inbox = Inbox()
    await broker.start(EVERYBODY, [MEMBER])
    async with connected(as_member(broker.port), inbox=inbox):
        await inbox.holds(1)
    assert inbox.payloads == [b"kept"]


async def test_a_mosquitto_that_hangs_is_killed(broker: LocalBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunsweep.mqtt.local_broker.process._STOP_WITHIN_S", 0.1)
    pid = broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await broker.stop()
    assert not is_there(pid)


async def test_a_mosquitto_that_dies_comes_back_with_the_newest_users(broker: LocalBroker) -> None:
    supervisor = asyncio.create_task(broker.run())
    try:
        async with connected(settings_for(broker.port, "backend")) as client:
            await broker.apply(EVERYBODY[:1])
            first = broker.pid
            assert first is not None
            for _ in range(3):
                before = broker.pid
                assert before is not None
                os.kill(before, signal.SIGKILL)
                await until(lambda before=before: broker.pid not in (before, None))  # type: ignore[misc]  # a lambda with a default
            await until(lambda: client.connected)
            assert await client.publish("a", b"", qos=1) is Published.NOBODY_LISTENS
        await broker.stop()
        await asyncio.wait_for(asyncio.shield(supervisor), 5)
    finally:
        supervisor.cancel()


async def test_users_applied_while_it_is_down_are_there_when_it_is_back(broker: LocalBroker) -> None:
    pid = broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await broker.apply(EVERYBODY[:2])
    supervisor = asyncio.create_task(broker.run())
    try:
        async with connected(settings_for(broker.port, "machine-a")):
            pass
    finally:
        supervisor.cancel()
        await asyncio.wait([supervisor])


BACKEND_PROGRAM = """
import asyncio, sys
from pathlib import Path
from sunsweep.mqtt.local_broker import LocalBroker

async def main():
    broker = LocalBroker(Path(sys.argv[1]), port=int(sys.argv[2]))
    await broker.start([])
    print(broker.pid, flush=True)
    await broker.run()

asyncio.run(main())
"""


async def test_it_does_not_outlive_a_killed_backend_and_a_successor_waits_for_it(tmp_path: Path) -> None:
    port = free_port()
    backend = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BACKEND_PROGRAM, str(tmp_path), str(port), stdout=asyncio.subprocess.PIPE
    )
    assert backend.stdout is not None
    pid = int(await backend.stdout.readline())
    assert is_there(pid)
    backend.kill()
    await backend.wait()
    successor = LocalBroker(tmp_path, host=HOST, port=port)
    await successor.start(EVERYBODY)
    assert successor.pid != pid
    await until(lambda: not is_there(pid))
    await successor.stop()
