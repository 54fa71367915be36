"""`WS /realtime/{machine_id}` as its viewers meet it."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from sunsweep.contract.times import iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.accounts.tokens import Claims, Tokens
from sunsweep.server.features.machines import service as machines
from sunsweep.server.live import replay
from tests.server.viewers import VIEWER, closing, deaf_viewer, frame, frames, opened, say, url, viewing
from tests.support.platform import HOST, PASSWORD, Platform, eventually, topic

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_token_opens_the_socket_in_each_of_its_ways(shared: Platform) -> None:
    await shared.add_machine("WAYS-1")
    token = await shared.token(VIEWER)
    plain = url(shared, "WAYS-1")
    own = f"http://{HOST}:{shared.settings.port}"
    cookie = {"cookie": f"sunsweep_session={token}"}
    assert await opened(f"{plain}?token={token}") == "snapshot"
    assert await opened(plain, additional_headers={"authorization": f"Bearer {token}"}) == "snapshot"
    assert await opened(plain, additional_headers=cookie, origin=Origin(own)) == "snapshot"
    pair = [Subprotocol("bearer"), Subprotocol(token)]
    async with connect(plain, subprotocols=pair, proxy=None) as socket:
        assert socket.subprotocol == "bearer"
        assert (await frame(socket))["type"] == "snapshot"


async def test_the_cookie_counts_for_pages_of_our_own_only(shared: Platform) -> None:
    await shared.add_machine("ORIGIN-1")
    cookie = {"cookie": f"sunsweep_session={await shared.token(VIEWER)}"}
    port = shared.settings.port
    for origin in (None, "http://evil.example", "null", f"http://{HOST}:{port}.evil.example", f"http://{HOST}:1"):
        attempt = opened(
            url(shared, "ORIGIN-1"), additional_headers=cookie, origin=None if origin is None else Origin(origin)
        )
        assert await attempt == 4401, origin


async def test_without_a_good_token_it_is_accepted_and_closed(shared: Platform) -> None:
    await shared.add_machine("SHUT-1")
    tokens = Tokens(shared.settings.secret_key.get_secret_value(), lifetime_s=60)
    expired = tokens.issue(Claims(1, 0), now_ms=wall_clock() - 61_000)
    for query in ("", "?token=", "?token=garbage", "?token=%00%C3%A9", f"?token={expired}"):
        assert await opened(url(shared, "SHUT-1", query)) == 4401, query
    pair = [Subprotocol("bearer"), Subprotocol("garbage")]
    assert await opened(url(shared, "SHUT-1"), subprotocols=pair) == 4401


async def test_unknown_machines_are_closed_with_one_code(shared: Platform) -> None:
    token = await shared.token(VIEWER)
    for serial in ("NOWHERE-1", "%C3%A9", "%00", "x" * 300, "+", "%23"):
        assert await opened(url(shared, serial, f"?token={token}")) == 4403, serial


async def test_wrong_parameters_are_closed_after_it_is_accepted(shared: Platform) -> None:
    await shared.add_machine("PARAM-1")
    token = await shared.token(VIEWER)
    for query in ("&since=yesterday", "&since=2026-01-01T00:00:00", "&company_id=x", "&company_id=0"):
        assert await opened(url(shared, "PARAM-1", f"?token={token}{query}")) == 1008, query
    root = await shared.token("root@example.com")
    assert await opened(url(shared, "PARAM-1", f"?token={root}")) == 1008
    assert await opened(url(shared, "PARAM-1", f"?token={root}&company_id=1")) == "snapshot"
    assert await opened(url(shared, "PARAM-1", f"?token={root}&company_id=2")) == 4403


async def test_the_snapshot_is_the_newest_of_everything(shared: Platform) -> None:
    login = await shared.add_machine("SNAP-1")
    async with shared.watch("SNAP-1") as socket:
        empty = await frame(socket)
    assert (empty["type"], empty["machine_id"]) == ("snapshot", "SNAP-1")
    assert empty["data"] == {
        "status": None, "telemetry": None, "presence": "offline", "since": None, "cause": "never_heard"
    }  # fmt: skip
    await say(shared, login, {"status": "Running", "energy": 1.5, "mood": "good"}, "status")
    await say(shared, login, {"battery": 13.5, "extra": {"temp": 32.5}})

    async def full() -> bool:
        return bool((await shared.get("/machines/SNAP-1/status"))["telemetry"])

    await eventually(full)
    async with shared.watch("SNAP-1") as socket:
        data = (await frame(socket))["data"]
    assert {**data["telemetry"], "ts": ""} == {"battery": 13.5, "extra": {"temp": 32.5}, "ts": ""}
    assert {**data["status"], "ts": ""} == {"status": "Running", "energy": 1.5, "mood": "good", "ts": ""}
    assert (data["presence"], data["cause"]) == ("online", "heard")


async def test_frames_carry_the_json_on_the_wire(shared: Platform) -> None:
    login = await shared.add_machine("WIRE-1")
    samples = [
        '{"battery":13.50,"unknown":{"ä":"😀\\u00e9","list":[1,null,true,{}]},"big":12345678901234567890123}',
        ' {\n "battery" : "a text", "solar_v": null, "water": 1e2 }\n',
        '{"extra":{"a":0.1,"b":1e-300,"c":"\\"\\\\\\/"}}',
        "{}",
    ]
    states = ['{"status":"清扫","energy":0,"x":-0.0}', '{"status":null,"more":[[[]]]}']
    async with viewing(shared, "WIRE-1") as socket:
        for sample in samples:
            await say(shared, login, sample)
            (shown,) = await frames(socket, "telemetry", 1)
            assert shown["data"] == json.loads(sample)
            assert shown["machine_id"] == "WIRE-1"
        for state in states:
            await say(shared, login, state, "status")
            (shown,) = await frames(socket, "status", 1)
            assert shown["data"] == json.loads(state)


async def test_every_quality_of_service_is_shown_once(shared: Platform) -> None:
    login = await shared.add_machine("QOS-1")
    ways = [("-q", "0"), ("-q", "1"), ("-q", "2"), ("-r",), ("-q", "2", "-r"), ("-V", "31"), ("-V", "5", "-q", "1")]
    async with viewing(shared, "QOS-1") as socket:
        for number, way in enumerate(ways):
            await say(shared, login, {"battery": number}, *way)
        shown = await frames(socket, "telemetry", len(ways))
        await say(shared, login, {"status": "end"}, "status")
        last = await frame(socket)
        while last["type"] != "status":
            assert last["type"] != "telemetry", "shown twice"
            last = await frame(socket)
    assert [one["data"]["battery"] for one in shown] == list(range(len(ways)))
    async with viewing(shared, "QOS-1") as late:
        await say(shared, login, {"battery": 99})
        assert (await frames(late, "telemetry", 1))[0]["data"] == {"battery": 99}, "what is retained is no news"


async def test_what_would_be_refused_is_not_shown_and_stops_nothing(shared: Platform) -> None:
    login = await shared.add_machine("REFUSED-1")
    ahead = iso(wall_clock() + 3_600_000)
    rubbish: list[tuple[str, bytes]] = [
        ("telemetry", b'{"battery":NaN}'), ("telemetry", b"no json"), ("telemetry", b"[1]"), ("telemetry", b" "),
        ("telemetry", b'{"battery":1,"x":"\xff"}'), ("status", b'{"status":"a","\xff":1}'),
        ("telemetry", b'{"a":' * 40 + b"1" + b"}" * 40), ("telemetry", b'{"x":"' + b"a" * 70_000 + b'"}'),
        ("telemetry", b'{"battery":1,"boot":1,"seq":1}'),
        ("telemetry", b'{"battery":1,"boot":1,"seq":1,"ts":"%s"}' % ahead.encode()),
        ("result", b'{"id":"018f0000-0000-7000-8000-000000000000","state":"accepted","x":"\xff"}'),
        ("result", b'{"state":"accepted"}'),
    ]  # fmt: skip
    async with viewing(shared, "REFUSED-1") as socket:
        for channel, payload in rubbish:
            await say(shared, login, payload, channel, "-q", "1")
        await say(shared, login, {"battery": 12})
        (shown,) = await frames(socket, "telemetry", 1)
    assert shown["data"] == {"battery": 12}


async def test_late_telemetry_is_stored_and_not_shown(shared: Platform) -> None:
    login = await shared.add_machine("LATE-1")
    now_ms = wall_clock()

    def sample(seq: int, ts_ms: int) -> dict[str, Any]:
        return {"battery": float(seq), "boot": 5, "seq": seq, "ts": iso(ts_ms)}

    async with viewing(shared, "LATE-1") as socket:
        await say(shared, login, sample(1, now_ms - 1000), "-q", "1")
        await say(shared, login, sample(2, now_ms - 60_000), "-q", "1")
        await say(shared, login, sample(3, now_ms), "-q", "1")
        shown = await frames(socket, "telemetry", 2)
    assert [one["data"]["seq"] for one in shown] == [1, 3]
    assert shown[0]["ts"] == iso(now_ms - 1000)

    async def stored() -> list[float]:
        rows = await shared.telemetry("LATE-1")
        return [row["battery"] for row in rows] if len(rows) == 3 else []

    assert await eventually(stored) == [2.0, 1.0, 3.0]
    async with viewing(shared, "LATE-1") as again:
        await say(shared, login, sample(4, now_ms - 30_000), "-q", "1")
        await say(shared, login, sample(5, now_ms + 1), "-q", "1")
        assert (await frames(again, "telemetry", 1))[0]["data"]["seq"] == 5, "a new viewer knows what is late, too"


async def test_what_a_machine_repeats_is_shown_once(shared: Platform) -> None:
    login = await shared.add_machine("AGAIN-1")
    now_ms = wall_clock()

    def sample(seq: int) -> dict[str, Any]:
        return {"battery": 12.5, "boot": 5, "seq": seq, "ts": iso(now_ms + seq)}

    change = {"status": "Running", "boot": 5, "seq": 9, "ts": iso(now_ms)}
    async with viewing(shared, "AGAIN-1") as socket:
        for seq in (1, 1, 2, 2):
            await say(shared, login, sample(seq), "-q", "1")
            await say(shared, login, change, "status", "-q", "1")
        await say(shared, login, sample(3), "-q", "1")
        shown: list[dict[str, Any]] = []
        while not shown or shown[-1]["data"].get("seq") != 3:
            shown.append(await frame(socket))
    assert [one["data"]["seq"] for one in shown if one["type"] == "telemetry"] == [1, 2, 3]
    assert [one["data"]["seq"] for one in shown if one["type"] == "status"] == [9]


async def test_the_will_of_an_older_session_is_not_shown(shared: Platform) -> None:
    login = await shared.add_machine("WILL-1")
    async with viewing(shared, "WILL-1") as socket:
        await say(shared, login, {"status": "Idle", "session": [9, 2]}, "status")
        await say(shared, login, {"status": "offline", "session": [9, 1]}, "status")
        await say(shared, login, {"status": "offline", "session": [9, 2]}, "status")
        shown = await frames(socket, "status", 2)
    assert [(one["data"]["status"], one["data"]["session"]) for one in shown] == [("Idle", [9, 2]), ("offline", [9, 2])]


async def test_viewers_come_and_go_without_disturbing_each_other(shared: Platform) -> None:
    one, other = await shared.add_machine("CROWD-1"), await shared.add_machine("CROWD-2")
    async with viewing(shared, "CROWD-1") as stays, viewing(shared, "CROWD-2") as elsewhere:
        async with viewing(shared, "CROWD-1") as leaves:
            await say(shared, one, {"battery": 1})
            for socket in (stays, leaves):
                assert (await frames(socket, "telemetry", 1))[0]["data"] == {"battery": 1}
        await say(shared, one, {"battery": 2})
        await say(shared, other, {"battery": 3})
        assert (await frames(stays, "telemetry", 1))[0]["data"] == {"battery": 2}
        (shown,) = await frames(elsewhere, "telemetry", 1)
        assert (shown["machine_id"], shown["data"]) == ("CROWD-2", {"battery": 3})
    async with viewing(shared, "CROWD-1") as back:
        await say(shared, one, {"battery": 4})
        assert (await frames(back, "telemetry", 1))[0]["data"] == {"battery": 4}, "subscribed anew"


async def test_since_replays_what_was_missed_and_goes_on_live(shared: Platform) -> None:
    login = await shared.add_machine("SINCE-1")
    start_ms = wall_clock() - 10_000
    for seq in range(1, 8):
        sample = {"battery": float(seq), "boot": 3, "seq": seq, "ts": iso(start_ms + seq * 1000)}
        await say(shared, login, sample, "-q", "1")

    async def stored() -> bool:
        return len(await shared.telemetry("SINCE-1")) == 7

    await eventually(stored)
    async with viewing(shared, "SINCE-1", query=f"&since={iso(start_ms + 3000)}") as socket:
        missed = await frames(socket, "telemetry", 5)
        assert missed[0]["data"] == {"battery": 3.0, "boot": 3, "seq": 3, "ts": iso(start_ms + 3000)}
        assert [one["data"]["seq"] for one in missed] == [3, 4, 5, 6, 7]
        await say(shared, login, {"battery": 8.0})
        assert (await frames(socket, "telemetry", 1))[0]["data"]["battery"] == 8.0


async def test_one_who_asks_for_too_much_is_told_how_much_is_left(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_SAMPLES", 4)
    monkeypatch.setattr(replay, "PAGE", 2)
    login = await shared.add_machine("MUCH-1")
    for seq in range(1, 8):
        await say(shared, login, {"boot": 3, "seq": seq, "ts": iso(wall_clock())}, "-q", "1")

    async def stored() -> bool:
        return len(await shared.telemetry("MUCH-1")) == 7

    await eventually(stored)
    async with viewing(shared, "MUCH-1", query="&since=2026-01-01T00:00:00Z") as socket:
        assert [one["data"]["seq"] for one in await frames(socket, "telemetry", 4)] == [1, 2, 3, 4]
        assert (await frames(socket, "lagged", 1))[0]["data"] == {"lost": 3}


async def test_the_seam_between_replay_and_live_has_no_gap(shared: Platform) -> None:
    login = await shared.add_machine("SEAM-1")
    last = 60
    since = iso(wall_clock())
    async with shared.mqtt(login.mqtt_username, login.mqtt_password) as machine:

        async def talk() -> None:
            for seq in range(1, last + 1):
                sample = {"battery": 1.0, "boot": 4, "seq": seq, "ts": iso(wall_clock())}
                await machine.publish(topic(login, "telemetry"), json.dumps(sample).encode(), qos=1)
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(talk(), name="talk")
            for _ in range(3):
                tasks.create_task(_sees_all(shared, since, last), name="viewer")
                await asyncio.sleep(0.15)


async def _sees_all(platform: Platform, since: str, last: int) -> None:
    seen: list[int] = []
    async with viewing(platform, "SEAM-1", query=f"&since={since}") as socket:
        while last not in seen:
            seen.append((await frames(socket, "telemetry", 1))[0]["data"]["seq"])
    # What came while history was read may come again.
    assert list(dict.fromkeys(seen)) == list(range(1, last + 1))


async def test_what_comes_while_a_socket_opens_is_in_the_snapshot_or_a_frame(shared: Platform) -> None:
    login = await shared.add_machine("OPEN-1")
    async with shared.mqtt(login.mqtt_username, login.mqtt_password) as machine:
        for number in range(6):
            payload = json.dumps({"battery": number}).encode()
            publishing = asyncio.create_task(machine.publish(topic(login, "telemetry"), payload, qos=1))
            await asyncio.sleep(number / 500)
            async with connect(url(shared, "OPEN-1", f"?token={await shared.token(VIEWER)}"), proxy=None) as socket:
                snapshot = await frame(socket)
                shown = (snapshot["data"]["telemetry"] or {}).get("battery")
                while shown != number:
                    shown = (await frames(socket, "telemetry", 1))[0]["data"]["battery"]
            await publishing


async def test_what_viewers_send_does_no_harm(shared: Platform) -> None:
    login = await shared.add_machine("NOISE-1")
    async with viewing(shared, "NOISE-1") as quiet, viewing(shared, "NOISE-1") as noisy:
        for noise in ("hello", b"\x00\xff", json.dumps({"command": "stop_cleaning"}), "x" * 60_000):
            await noisy.send(noise)
        await say(shared, login, {"battery": 1})
        for socket in (noisy, quiet):
            assert (await frames(socket, "telemetry", 1))[0]["data"] == {"battery": 1}
        await noisy.send("x" * 70_000)
        assert await closing(noisy) == 1009
        await say(shared, login, {"battery": 2})
        assert (await frames(quiet, "telemetry", 1))[0]["data"] == {"battery": 2}


async def test_viewers_who_leave_at_once_leave_no_trace(shared: Platform, caplog: pytest.LogCaptureFixture) -> None:
    await shared.add_machine("BRIEF-1")
    token = await shared.token(VIEWER)
    address = url(shared, "BRIEF-1", f"?token={token}&since=2020-01-01T00:00:00Z")
    for _ in range(10):
        async with connect(address, proxy=None) as socket:
            socket.transport.abort()

    async def gone() -> bool:
        async with shared.web() as web:
            return "sunsweep_live_viewers 0.0" in (await web.get("/metrics")).text

    await eventually(gone)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("end", ["disable", "logout", "password"])
async def test_a_user_s_open_sockets_end_with_the_login(shared: Platform, end: str) -> None:
    email = f"{end}@example.com"
    await shared.add_machine(f"REVOKED-{end}")
    await shared.add_user(email, Role.VIEWER)
    async with (
        viewing(shared, f"REVOKED-{end}", as_=email) as ended,
        viewing(shared, f"REVOKED-{end}") as stays,
    ):
        async with shared.database.write() as session:
            if end == "disable":
                await accounts.disable_user(session, email, now_ms=wall_clock())
            elif end == "password":
                await accounts.set_password(session, email, PASSWORD)
        if end == "logout":
            assert (await shared.call("POST", "/auth/logout", as_=email)).status_code == 204
        assert await closing(ended, within_s=2) == 4408
        with pytest.raises(TimeoutError):
            await frame(stays, within_s=0.1)


@pytest.mark.parametrize("end", ["archived", "moved"])
async def test_open_sockets_end_with_the_machine(shared: Platform, end: str) -> None:
    serial = f"GONE-{end}"
    await shared.add_machine(serial)
    async with viewing(shared, serial) as socket:
        if end == "archived":
            assert (await shared.call("DELETE", f"/machines/{serial}")).status_code == 204
        else:
            async with shared.database.write() as session:
                machine = await machines.known(session, 1, serial, lock=True)
                await machines.move(session, machine, 2, now_ms=wall_clock())
        assert await closing(socket, within_s=2) == 4408
    assert await opened(url(shared, serial, f"?token={await shared.token(VIEWER)}")) == 4403


async def test_a_viewer_who_reads_nothing_delays_nobody_and_is_told_what_it_lost(shared: Platform) -> None:
    login = await shared.add_machine("DEAF-1")
    number, payload = 900, {"extra": {"x": "x" * 50_000}}
    await say(shared, login, {"water": 1})

    async def online() -> bool:
        return bool((await shared.get("/machines/DEAF-1/status"))["presence"] == "online")

    # That it has come would be one frame more, whenever the ingest gets to it.
    await eventually(online)
    async with (
        deaf_viewer(shared, "DEAF-1") as deaf,
        viewing(shared, "DEAF-1") as attentive,
        shared.mqtt(login.mqtt_username, login.mqtt_password) as machine,
    ):
        for seq in range(number):
            sample = json.dumps({"battery": seq, **payload}).encode()
            await machine.publish(topic(login, "telemetry"), sample)
            (shown,) = await frames(attentive, "telemetry", 1)
            assert shown["data"]["battery"] == seq
        await _hears_of_its_loss(deaf, number)


async def _hears_of_its_loss(deaf: asyncio.StreamReader, number: int) -> None:
    """Frames are read raw; what is told as lost and what was shown make up the whole."""
    heard = b""
    async with asyncio.timeout(30):
        while b'"battery": %d,' % (number - 1) not in heard:
            chunk = await deaf.read(1 << 20)
            assert chunk
            heard += chunk
    shown = heard.count(b'"battery": ')
    before, _, after = heard.partition(b'"type":"lagged"')
    assert after, "nothing was lost: the test must say more"
    lost = int(after.split(b'{"lost":', 1)[1].split(b"}", 1)[0])
    assert shown + lost == number
    assert before.count(b'"battery": ') < number - lost, "told where the gap is"
