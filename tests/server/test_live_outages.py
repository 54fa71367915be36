"""Open sockets while the broker, the store or the server goes and comes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import MachineStatus
from sunsweep.server.features.machines import service as machines
from sunsweep.server.live import catch_up
from tests.server.viewers import closing, deaf_viewer, frame, frames, say, viewing
from tests.support.platform import Platform, eventually


async def ready(platform: Platform) -> bool:
    async with platform.web() as web:
        return (await web.get("/readyz")).status_code == 200


async def shown_again(socket: Any, platform: Platform, login: Any) -> None:
    """A sample published now arrives; the subscription may need a moment to stand again."""

    async def arrives() -> bool:
        await say(platform, login, {"battery": 2}, "-q", "1")
        try:
            (shown,) = await frames(socket, "telemetry", 1, within_s=0.3)
        except TimeoutError:
            return False
        return bool(shown["data"] == {"battery": 2})

    await eventually(arrives)


async def test_a_restart_of_the_broker_under_an_open_socket(platform: Platform) -> None:
    login = await platform.add_machine("RESTART-1")
    async with viewing(platform, "RESTART-1") as socket:
        await say(platform, login, {"battery": 1})
        await frames(socket, "telemetry", 1)
        await platform.stop_broker()
        await platform.start_broker()
        await eventually(lambda: ready(platform))
        await shown_again(socket, platform, login)


async def test_a_viewer_may_come_before_the_broker(platform: Platform) -> None:
    login = await platform.add_machine("EARLY-1")
    await platform.stop_broker()
    async with viewing(platform, "EARLY-1") as socket:
        await platform.start_broker()
        await eventually(lambda: ready(platform))
        await shown_again(socket, platform, login)


async def test_what_was_said_before_we_were_back_at_the_broker_comes_from_the_database(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "PAUSES_S", (0.1,))
    await platform.add_machine("HEALED-1")
    async with viewing(platform, "HEALED-1") as socket:
        await asyncio.sleep(0.5)
        await platform.stop_broker()
        now_ms = wall_clock()
        row = {"presence": "stale", "presence_since": now_ms, "presence_cause": "silent", "heard_at": now_ms}
        async with platform.database.write() as session:
            machine = await machines.known(session, 1, "HEALED-1")
            said = {"status_at": now_ms, "status": "Error", "telemetry_at": now_ms, "battery": 9.5}
            session.add(MachineStatus(machine_id=machine.id, in_session=False, **row, **said))
        with pytest.raises(TimeoutError):
            await frame(socket, within_s=0.5)
        await platform.start_broker()
        shown = [await frame(socket, within_s=20) for _ in range(3)]
    assert [one["type"] for one in shown] == ["telemetry", "status", "presence"]
    assert (shown[0]["data"]["battery"], shown[1]["data"]["status"]) == (9.5, "Error")


async def test_one_who_comes_takes_no_news_from_the_others(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "PAUSES_S", ())
    await platform.add_machine("NEWS-1")
    async with viewing(platform, "NEWS-1") as first:
        async with platform.database.write() as session:
            machine = await machines.known(session, 1, "NEWS-1")
            row = {"presence": "offline", "presence_since": 0, "presence_cause": "never_heard", "heard_at": 1}
            session.add(MachineStatus(machine_id=machine.id, in_session=False, telemetry_at=1, battery=9.5, **row))
        async with viewing(platform, "NEWS-1"):
            assert (await frame(first))["data"]["battery"] == 9.5


async def test_viewers_see_what_a_stopped_ingest_does_not_store(platform: Platform) -> None:
    login = await platform.add_machine("UNSTORED-1")
    await platform.stop_backend()
    async with viewing(platform, "UNSTORED-1") as socket:
        await say(platform, login, {"battery": 1})
        assert (await frames(socket, "telemetry", 1))[0]["data"] == {"battery": 1}


async def test_the_server_leaves_quickly_whoever_still_looks(platform: Platform) -> None:
    login = await platform.add_machine("LEAVE-1")
    payload = {"extra": {"x": "x" * 50_000}}
    async with deaf_viewer(platform, "LEAVE-1"), viewing(platform, "LEAVE-1") as socket:
        for _ in range(60):
            await say(platform, login, payload)
            await frames(socket, "telemetry", 1)
        started_s = asyncio.get_running_loop().time()
        await platform.stop_web()
        assert asyncio.get_running_loop().time() - started_s < 4
        assert await closing(socket) == 1012
    await platform.start_web()
    async with viewing(platform, "LEAVE-1") as again:
        await say(platform, login, {"battery": 3})
        assert (await frames(again, "telemetry", 1))[0]["data"] == {"battery": 3}


async def test_sockets_stay_open_while_nobody_can_be_asked(platform: Platform) -> None:
    login = await platform.add_machine("BLIND-1")
    async with viewing(platform, "BLIND-1") as socket:
        with capture_logs() as log:
            await platform.rename("user_account", "elsewhere")
            await eventually(lambda: _said(log, "open sockets could not be checked"))
        await say(platform, login, {"battery": 1})
        assert (await frames(socket, "telemetry", 1))[0]["data"] == {"battery": 1}
        async with platform.watch("BLIND-1") as newcomer:
            assert await closing(newcomer) == 1013
        await platform.rename("elsewhere", "user_account")
        async with viewing(platform, "BLIND-1"):
            pass


async def _said(log: Sequence[Mapping[str, Any]], words: str) -> bool:
    return any(words in entry["event"] for entry in log)
