"""Sockets that watch a whole company: many machines, viewers who read nothing, and parts that go and come."""

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from sunsweep.contract.frames import FrameType
from sunsweep.mqtt.client import MqttClient
from sunsweep.server import metrics
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import MachineStatus
from sunsweep.server.features.accounts.roles import Principal, Role
from sunsweep.server.features.machines import service as machines
from sunsweep.server.live import fleet_viewer, fleets
from sunsweep.server.live.fleet_viewer import FleetViewer, Key
from tests.server.fleets import add_machines, batches, is_of, message, spokesman, tell, up_to
from tests.server.viewers import VIEWER, closing, say
from tests.support.platform import HOST, Platform, eventually

MANY = [f"ROW-{number:04}" for number in range(2000)]
PADDING = "x" * 2000


async def round_of(client: MqttClient, number: int) -> None:
    """Every machine says a number."""
    for start in range(0, len(MANY), 200):
        said = {"battery": number, "extra": {"x": PADDING}}
        await asyncio.gather(*(tell(client, serial, said) for serial in MANY[start : start + 200]))


async def newest_of_all(socket: Any, number: int) -> tuple[int, dict[str, int]]:
    """Read until every machine has said this number: how many samples were read, and the last of each machine."""
    newest: dict[str, int] = {}
    read = 0
    async with asyncio.timeout(60):
        while len(newest) < len(MANY) or set(newest.values()) != {number}:
            several = json.loads(await socket.recv())
            assert len(several) <= 500
            for one in several:
                if one["type"] == "telemetry":
                    read += 1
                    newest[one["machine_id"]] = one["data"]["battery"]
    return read, newest


async def test_of_two_thousand_machines_a_stalled_viewer_gets_the_newest_and_slows_nobody(platform: Platform) -> None:
    await platform.stop_backend()
    await add_machines(platform, MANY)
    address = f"ws://{HOST}:{platform.settings.port}/realtime?batch=true&token={await platform.token(VIEWER)}"
    rounds = 12
    async with (
        spokesman(platform, "many") as client,
        batches(platform) as (attentive, snapshots),
        connect(address, proxy=None, max_queue=1) as stalled,
    ):
        assert snapshots.keys() == set(MANY)
        superseded, lagged = metrics.FLEET_SUPERSEDED._value.get(), metrics.LAGGED._value.get()
        for number in range(1, rounds + 1):
            await round_of(client, number)
            await newest_of_all(attentive, number)
        # Of what waits for the stalled one no machine has two.
        assert next(iter(metrics.FLEET_WAITING_MAX.collect())).samples[0].value <= len(MANY)
        assert metrics.FLEET_SUPERSEDED._value.get() > superseded
        read, _ = await newest_of_all(stalled, rounds)
    assert read < rounds * len(MANY)
    assert metrics.LAGGED._value.get() == lagged


async def test_a_restart_of_the_broker_under_an_open_socket(platform: Platform) -> None:
    login = await platform.add_machine("RESTART-1")
    async with batches(platform) as (socket, _):
        await say(platform, login, {"battery": 1})
        await up_to(socket, is_of("RESTART-1", "telemetry", battery=1))
        await platform.stop_broker()
        await platform.start_broker()
        await shown_again(socket, platform, login, 2)


async def test_a_viewer_may_come_before_the_broker(platform: Platform) -> None:
    login = await platform.add_machine("EARLY-1")
    await platform.stop_broker()
    async with batches(platform) as (socket, snapshots):
        assert "EARLY-1" in snapshots
        await platform.start_broker()
        await shown_again(socket, platform, login, 1)


async def shown_again(socket: Any, platform: Platform, login: Any, number: int) -> None:
    """A sample published now arrives; the subscription may need a moment to stand again."""

    async def arrives() -> bool:
        await say(platform, login, {"battery": number}, "-q", "1")
        try:
            await up_to(socket, is_of(login.machine_id, "telemetry", battery=number), within_s=1.5)
        except TimeoutError:
            return False
        return True

    await eventually(arrives, within_s=30)


@pytest.mark.parametrize("what", ["sample", "state", "presence"])
async def test_what_the_broker_has_let_go_of_comes_from_the_database(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(fleets, "READ_EVERY_S", 0.5)
    await add_machines(platform, ["LOST-1"])
    async with batches(platform) as (socket, _):
        now_ms = wall_clock()
        row = {"presence": "offline", "presence_since": 0, "presence_cause": "never_heard", "heard_at": now_ms}
        if what == "sample":
            row |= {"telemetry_at": now_ms, "battery": 12.5}
            sought = is_of("LOST-1", "telemetry", battery=12.5)
        elif what == "state":
            row |= {"status_at": now_ms, "status": "Running", "area": 4.5}
            sought = is_of("LOST-1", "status", status="Running", area=4.5)
        else:
            row |= {"presence": "stale", "presence_since": now_ms, "presence_cause": "silent"}
            sought = is_of("LOST-1", "presence", presence="stale", cause="silent")
        async with platform.database.write() as session:
            machine = await machines.known(session, 1, "LOST-1")
            session.add(MachineStatus(machine_id=machine.id, in_session=False, **row))
        shown = await up_to(socket, sought)
        with pytest.raises(TimeoutError):
            await up_to(socket, is_of("LOST-1", shown[-1]["type"]), within_s=2.5)


async def test_sockets_stay_open_while_the_database_is_away(platform: Platform) -> None:
    login = await platform.add_machine("BLIND-1")
    async with batches(platform) as (socket, _):
        with capture_logs() as log:
            await platform.rename("machine", "elsewhere")

            async def noticed() -> bool:
                return any("watched companies could not be read" in entry["event"] for entry in log)

            await eventually(noticed)
        await say(platform, login, {"battery": 1})
        await up_to(socket, is_of("BLIND-1", "telemetry", battery=1))
        async with platform.watch("", query="&company_id=1&batch=true") as newcomer:
            # The company is watched already: what is known of it is shown.
            assert await message(newcomer)
        await platform.rename("elsewhere", "machine")
    await platform.rename("machine", "elsewhere")
    async with platform.watch("") as newcomer:
        assert await closing(newcomer) == 1013
    await platform.rename("elsewhere", "machine")


def test_beyond_its_bytes_a_queue_loses_the_oldest_and_says_whose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_viewer, "MAX_WAITING_CHARS", 100)
    monkeypatch.setattr(fleet_viewer, "MAX_MESSAGE_CHARS", 50)

    def key(serial: str) -> Key:
        return serial, FrameType.TELEMETRY, ""

    async def scene() -> None:
        viewer = FleetViewer(Principal(1, "", Role.VIEWER, 1, 0))
        viewer.offer([(key("A"), "a" * 40), (key("B"), "b" * 40)])
        viewer.offer([(key("A"), "A" * 40)])
        viewer.offer([(key("C"), "c" * 40)])
        lost, frames = await viewer.take(within_s=None)
        assert (dict(lost), frames) == ({"B": 1}, ["A" * 40])
        lost, frames = await viewer.take(within_s=None)
        assert (dict(lost), frames) == ({}, ["c" * 40])
        assert await viewer.take(within_s=0.01) == ({}, [])

    asyncio.run(scene())
