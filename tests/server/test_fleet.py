"""`WS /realtime` as the viewers of whole companies meet it."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from sunsweep.contract.times import iso
from sunsweep.server import metrics
from sunsweep.server.clock import wall_clock
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.machines import service as machines
from tests.server.fleets import add_machines, batches, fleet, is_of, message, says, spokesman, tell, up_to
from tests.server.viewers import VIEWER, closing, frame, opened, say
from tests.support.platform import HOST, Platform, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

BETA = "viewer@beta.example"
ROOT = "root@example.com"


def url(platform: Platform, query: str = "") -> str:
    return f"ws://{HOST}:{platform.settings.port}/realtime{query}"


async def test_the_ways_in_are_those_of_a_single_machine_s(shared: Platform) -> None:
    await add_machines(shared, ["WAYS-1"])
    token = await shared.token(VIEWER)
    cookie = {"cookie": f"sunsweep_session={token}"}
    own = Origin(f"http://{HOST}:{shared.settings.port}")
    assert await opened(url(shared, f"?token={token}")) == "snapshot"
    assert await opened(url(shared), additional_headers={"authorization": f"Bearer {token}"}) == "snapshot"
    assert await opened(url(shared), additional_headers=cookie, origin=own) == "snapshot"
    for origin in (None, Origin("http://evil.example"), Origin("null")):
        assert await opened(url(shared), additional_headers=cookie, origin=origin) == 4401, origin
    assert await opened(url(shared)) == 4401
    assert await opened(url(shared, "?token=garbage")) == 4401


async def test_one_company_is_asked_for_and_no_other(shared: Platform) -> None:
    await add_machines(shared, ["ASKED-1"])
    token, root = await shared.token(VIEWER), await shared.token(ROOT)
    for query, answer in {
        f"?token={token}&company_id=1": "snapshot",
        f"?token={token}&company_id=2": 4403,
        f"?token={token}&company_id=x": 1008,
        f"?token={token}&batch=maybe": 1008,
        f"?token={root}": 1008,
        f"?token={root}&company_id=1": "snapshot",
        f"?token={root}&company_id=777": 4403,
    }.items():
        assert await opened(url(shared, query)) == answer, query


async def test_the_snapshot_says_what_the_list_shows(shared: Platform) -> None:
    login = await shared.add_machine("SNAP-1")
    await add_machines(shared, ["SNAP-2"])
    await say(shared, login, {"status": "Running", "energy": 1.5, "mood": "good"}, "status")
    await say(shared, login, {"battery": 13.5, "extra": {"temp": 32.5}})

    async def full() -> bool:
        return bool((await shared.get("/machines/SNAP-1/status"))["telemetry"])

    await eventually(full)
    async with batches(shared) as (_, snapshots):
        data, never = snapshots["SNAP-1"]["data"], snapshots["SNAP-2"]["data"]
    assert {**data["telemetry"], "ts": ""} == {"battery": 13.5, "ts": ""}
    assert {**data["status"], "ts": ""} == {"status": "Running", "energy": 1.5, "ts": ""}
    assert (data["presence"], data["cause"], data["heard_at"] is None) == ("online", "heard", False)
    assert never == {
        "status": None, "telemetry": None, "presence": "offline", "since": None, "cause": "never_heard",
        "heard_at": None,
    }  # fmt: skip


async def test_one_frame_a_message_where_no_batch_is_asked_for(shared: Platform) -> None:
    login = await shared.add_machine("SINGLE-1")
    async with fleet(shared) as socket:
        one = await frame(socket)
        while one["machine_id"] != "SINGLE-1":
            assert one["type"] == "snapshot"
            one = await frame(socket)
        raw = '{"battery":12.50,"unknown":{"a":[1,null]},"big":12345678901234567890123}'
        await say(shared, login, raw)
        one = await frame(socket)
        while one["type"] != "telemetry":
            one = await frame(socket)
    assert (one["machine_id"], one["data"]) == ("SINGLE-1", json.loads(raw))


async def test_of_each_machine_and_type_the_newest_comes_once_a_tick(shared: Platform) -> None:
    login = await shared.add_machine("TICK-1")
    async with batches(shared) as (socket, _), shared.mqtt(login.mqtt_username, login.mqtt_password) as machine:
        for number in range(100):
            await tell(machine, "TICK-1", {"battery": number})
        await tell(machine, "TICK-1", {"status": "Running"}, "status")
        shown = await up_to(socket, is_of("TICK-1", "status", status="Running"))
    samples = [one["data"]["battery"] for one in shown if one["type"] == "telemetry"]
    assert samples[-1] == 99
    assert len(samples) < 50, "superseded within a tick"
    assert samples == sorted(samples)


async def test_late_and_bad_messages_are_not_shown(shared: Platform) -> None:
    await add_machines(shared, ["LATE-1"])
    now_ms = wall_clock()
    async with spokesman(shared, "late") as client, batches(shared) as (socket, _):
        await tell(client, "LATE-1", {"battery": 1, "boot": 5, "seq": 2, "ts": iso(now_ms)})
        await tell(client, "LATE-1", {"battery": 2, "boot": 5, "seq": 1, "ts": iso(now_ms - 60_000)})
        await tell(client, "LATE-1", {"battery": 3, "boot": 5, "seq": 3, "ts": iso(now_ms + 3_600_000)})
        await client.publish("company/1/machine/LATE-1/telemetry", b'{"battery":NaN}', qos=1)
        await tell(client, "LATE-1", {"status": "end"}, "status")
        shown = await up_to(socket, is_of("LATE-1", "status", status="end"))
    assert [one["data"]["battery"] for one in shown if is_of("LATE-1", "telemetry")(one)] == [1]


async def test_a_command_s_newest_state_comes_of_each_command(shared: Platform) -> None:
    await add_machines(shared, ["STATE-1"])

    def change(command: str, state: str) -> bytes:
        return json.dumps({"id": command, "state": state, "reason": "", "changed_at": iso(wall_clock())}).encode()

    async with spokesman(shared, "states") as client, batches(shared) as (socket, _):
        for command, state in [("a", "queued"), ("b", "queued"), ("a", "sent"), ("a", "running"), ("b", "sent")]:
            await client.publish("sunsweep/event/1/STATE-1/command_state", change(command, state), qos=1)
        await tell(client, "STATE-1", {"battery": 1})
        shown = await up_to(socket, is_of("STATE-1", "telemetry", battery=1))
    states = {one["data"]["id"]: one["data"]["state"] for one in shown if one["type"] == "command_state"}
    assert states == {"a": "running", "b": "sent"}


async def test_nobody_sees_another_company_s_frames(shared: Platform) -> None:
    await add_machines(shared, ["MINE-1", "SAME-1"])
    await add_machines(shared, ["THEIRS-1", "SAME-1"], company_id=2)
    async with (
        spokesman(shared, "both") as client,
        batches(shared) as (alpha, of_alpha),
        batches(shared, as_=BETA) as (beta, of_beta),
        batches(shared, as_=ROOT, query="&company_id=2") as (root, of_root),
    ):
        assert {"MINE-1", "SAME-1"} <= of_alpha.keys()
        assert "THEIRS-1" not in of_alpha
        assert of_beta.keys() == of_root.keys()
        assert {"THEIRS-1", "SAME-1"} <= of_beta.keys()
        assert "MINE-1" not in of_beta
        for number in range(1, 4):
            await tell(client, "SAME-1", {"battery": 10 + number}, company_id=1)
            await tell(client, "SAME-1", {"battery": 20 + number}, company_id=2)
            await tell(client, "MINE-1", {"battery": 30 + number}, company_id=1)
            await tell(client, "THEIRS-1", {"battery": 40 + number}, company_id=2)
            await asyncio.sleep(0.4)
        shown_alpha = await up_to(alpha, is_of("MINE-1", "telemetry", battery=33))
        shown_beta = await up_to(beta, is_of("THEIRS-1", "telemetry", battery=43))
        shown_root = await up_to(root, is_of("THEIRS-1", "telemetry", battery=43))
    assert {one["data"]["battery"] // 10 for one in shown_alpha if one["type"] == "telemetry"} == {1, 3}
    for shown in (shown_beta, shown_root):
        assert {one["data"]["battery"] // 10 for one in shown if one["type"] == "telemetry"} == {2, 4}


async def test_a_machine_that_moves_is_the_one_s_no_longer_and_the_other_s_from_then_on(shared: Platform) -> None:
    login = await shared.add_machine("MOVE-1")
    async with batches(shared) as (alpha, of_alpha), batches(shared, as_=BETA) as (beta, of_beta):
        assert "MOVE-1" in of_alpha
        assert "MOVE-1" not in of_beta
        await say(shared, login, {"battery": 1})
        await up_to(alpha, is_of("MOVE-1", "telemetry", battery=1))
        async with shared.database.write() as session:
            machine = await machines.known(session, 1, "MOVE-1", lock=True)
            moved = await machines.move(session, machine, 2, now_ms=wall_clock())
        await up_to(alpha, is_of("MOVE-1", "presence", presence="offline", cause="archived"))
        before = await up_to(beta, is_of("MOVE-1", "snapshot"))
        assert before[-1]["data"]["telemetry"] is None, "what it was elsewhere is not told"
        async with spokesman(shared, "mover") as client:
            await tell(client, "MOVE-1", {"battery": 2}, company_id=2)
            # Of what an old session still says nothing is shown.
            await tell(client, "MOVE-1", {"battery": 3}, company_id=1)
            shown = await up_to(beta, is_of("MOVE-1", "telemetry"))
            await add_machines(shared, ["MOVE-2"])
            await tell(client, "MOVE-2", {"battery": 4})
            mine = await up_to(alpha, says("MOVE-2", 4))
    assert moved.login.company_id == 2
    # The database may have had it before us, and dated it.
    assert shown[-1]["data"]["battery"] == 2
    assert "MOVE-1" not in {one["machine_id"] for one in mine}


async def test_machines_that_come_are_shown_and_their_first_words_too(shared: Platform) -> None:
    async with spokesman(shared, "comer") as client, batches(shared) as (socket, snapshots):
        assert "NEW-1" not in snapshots
        await add_machines(shared, ["NEW-1"])
        await tell(client, "NEW-1", {"battery": 7})
        shown = await up_to(socket, says("NEW-1", 7))
    assert next(one["type"] for one in shown if one["machine_id"] == "NEW-1") == "snapshot"


async def test_a_disabled_machine_stays_in_view_as_with_its_own_socket(shared: Platform) -> None:
    login = await shared.add_machine("OFF-1")
    await say(shared, login, {"battery": 1})
    async with batches(shared) as (socket, snapshots):
        assert "OFF-1" in snapshots
        await shared.call("PATCH", "/machines/OFF-1", json={"enabled": False})
        await up_to(socket, is_of("OFF-1", "presence", presence="offline", cause="disabled"))
    async with batches(shared) as (_, again):
        assert again["OFF-1"]["data"]["cause"] == "disabled"


@pytest.mark.parametrize("end", ["disable", "logout"])
async def test_open_sockets_end_with_the_login(shared: Platform, end: str) -> None:
    email = f"fleet-{end}@example.com"
    await shared.add_user(email, Role.VIEWER)
    async with batches(shared, as_=email) as (ended, _), batches(shared) as (stays, _):
        if end == "disable":
            users = (await shared.get("/users"))["items"]
            (user_id,) = [user["user_id"] for user in users if user["email"] == email]
            assert (await shared.call("PATCH", f"/users/{user_id}", json={"disabled": True})).status_code == 200
        else:
            assert (await shared.call("POST", "/auth/logout", as_=email)).status_code == 204
        assert await closing(ended, within_s=3) == 4408
        with pytest.raises(TimeoutError):
            await closing(stays, within_s=0.2)


async def test_where_nothing_happens_the_connection_is_seen_to_stand(shared: Platform) -> None:
    async with batches(shared) as (socket, _):
        while await message(socket, within_s=10):
            continue


async def test_one_set_of_subscriptions_serves_all_and_ends_with_the_last(shared: Platform) -> None:
    login = await shared.add_machine("CROWD-1")
    async with batches(shared) as (stays, _):
        async with batches(shared) as (leaves, _):
            await say(shared, login, {"battery": 1})
            for socket in (stays, leaves):
                await up_to(socket, is_of("CROWD-1", "telemetry", battery=1))
        await say(shared, login, {"battery": 2})
        await up_to(stays, is_of("CROWD-1", "telemetry", battery=2))
    async with batches(shared) as (back, _):
        await say(shared, login, {"battery": 3})
        await up_to(back, is_of("CROWD-1", "telemetry", battery=3))

    async def gone() -> bool:
        return not metrics.VIEWERS._value.get()

    await eventually(gone)


async def test_company_and_machine_are_watched_at_once_and_each_message_counts_once(shared: Platform) -> None:
    login = await shared.add_machine("BOTH-1")
    async with batches(shared) as (socket, _), shared.watch("BOTH-1") as single:
        assert (await frame(single))["type"] == "snapshot"
        for number in range(5):
            await say(shared, login, {"battery": number})
        await say(shared, login, {"status": "end"}, "status")
        await up_to(socket, is_of("BOTH-1", "status", status="end"))
        shown: list[dict[str, Any]] = []
        while not shown or shown[-1]["type"] != "status":
            shown.append(await frame(single))
    assert [one["data"]["battery"] for one in shown if one["type"] == "telemetry"] == list(range(5))


async def test_what_comes_while_a_socket_opens_is_in_the_snapshot_or_a_frame(shared: Platform) -> None:
    login = await shared.add_machine("OPEN-1")
    token = await shared.token(VIEWER)
    async with shared.mqtt(login.mqtt_username, login.mqtt_password) as machine:
        for number in range(1, 6):
            publishing = asyncio.create_task(tell(machine, "OPEN-1", {"battery": number}))
            await asyncio.sleep(number / 300)
            async with connect(url(shared, f"?token={token}&batch=true"), proxy=None) as socket:
                await up_to(socket, says("OPEN-1", number))
            await publishing
