"""Machines over REST: listing, adding, changing, ending, and their logins at the broker."""

import asyncio
import json
from typing import Any

import pytest

from sunsweep.server.clock import wall_clock
from sunsweep.server.errors import ConflictError
from sunsweep.server.features.machines import service as machines
from tests.server.viewers import frames, viewing
from tests.support import mosquitto
from tests.support.platform import Platform, eventually, topic

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_MS = 86_400_000


async def add(platform: Platform, serial: str, **more: Any) -> dict[str, Any]:
    answer = await platform.call("POST", "/machines", json={"machine_id": serial, **more})
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


async def publishes(platform: Platform, login: dict[str, Any]) -> bool:
    """Whether the broker takes a sample with this login."""
    where = f"company/{login['company_id']}/machine/{login['machine_id']}/telemetry"
    code, _ = await mosquitto.publish(platform.mqtt_port, where, '{"battery":13.1}', "-q", "1", **of(login))
    return code == 0


def of(login: dict[str, Any]) -> dict[str, str]:
    return {"username": login["mqtt_username"], "password": login["mqtt_password"]}


async def problem(platform: Platform, method: str, path: str, **more: Any) -> tuple[int, str, str | None]:
    answer = await platform.call(method, path, **more)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"], answer.json().get("field")


async def test_a_new_machine_may_publish_as_soon_as_the_answer_is_there(shared: Platform) -> None:
    new = await add(shared, "NEW-1", name="Nord", model="SW-2", tags=["north", "ö"], lat=52.5, lon=-13.4)
    assert await publishes(shared, new)
    assert new["brokers"][0] == f"mqtt://127.0.0.1:{shared.mqtt_port}"
    assert (new["name"], new["tags"], new["lat"], new["lon"], new["enabled"]) == (
        "Nord", ["north", "ö"], 52.5, -13.4, True
    )  # fmt: skip
    assert await eventually(lambda: shared.telemetry("NEW-1"))


async def test_the_password_is_shown_once(shared: Platform) -> None:
    new = await add(shared, "ONCE-1")
    later = json.dumps([await shared.get("/machines/ONCE-1"), await shared.get("/machines?limit=1000")])
    assert new["mqtt_password"] not in later
    assert new["mqtt_username"] not in later


async def test_a_machine_that_was_never_heard_is_offline(shared: Platform) -> None:
    await add(shared, "SILENT-1")
    status = await shared.get("/machines/SILENT-1/status", as_="viewer@example.com")
    assert (status["presence"], status["presence_cause"], status["presence_since"]) == ("offline", "never_heard", None)
    assert (status["status"], status["telemetry"], status["ts"], status["heard_at"]) == (None, None, None, None)


@pytest.mark.parametrize("serial", ["", "a+b", "a#", "a/b", "a b", "a\n", "ä", "x" * 65, None, 7])
async def test_what_is_no_serial_is_refused(shared: Platform, serial: object) -> None:
    assert await problem(shared, "POST", "/machines", json={"machine_id": serial}) == (422, "invalid", "machine_id")


async def test_wrong_values_are_named(shared: Platform) -> None:
    wrong: list[tuple[str, Any]] = [
        ("lat", 91), ("lon", -181), ("lat", "north"), ("expected_interval_s", 0), ("name", "x" * 121), ("tags", "one"),
    ]  # fmt: skip
    for field, value in wrong:
        asked = {"machine_id": "WRONG-1", field: value}
        assert await problem(shared, "POST", "/machines", json=asked) == (422, "invalid", field), value


async def test_half_a_character_is_no_name(shared: Platform) -> None:
    answer = await shared.call(
        "POST", "/machines", content=rb'{"machine_id":"HALF-1","name":"\ud800"}',
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["field"]) == (422, "name")


async def test_a_serial_is_unique_within_its_company_only(shared: Platform) -> None:
    ours = await add(shared, "TWIN-1")
    assert await problem(shared, "POST", "/machines", json={"machine_id": "TWIN-1"}) == (409, "conflict", None)
    theirs = await shared.call("POST", "/machines", json={"machine_id": "TWIN-1"}, as_="admin@beta.example")
    assert (theirs.status_code, theirs.json()["company_id"]) == (201, 2)
    assert theirs.json()["mqtt_username"] != ours["mqtt_username"]
    assert (await add(shared, "twin-1"))["machine_id"] == "twin-1", "case matters"


async def test_of_two_requests_for_one_serial_one_wins(shared: Platform) -> None:
    answers = await asyncio.gather(*(shared.call("POST", "/machines", json={"machine_id": "RACE-1"}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_many_machines_come_in_pages_each_once_and_in_order(shared: Platform) -> None:
    wanted = [f"PAGE-{number:03}" for number in range(45)]
    async with shared.database.write() as session:
        for serial in reversed(wanted):
            await machines.add(session, 2, serial, now_ms=wall_clock())
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        found = await shared.get("/machines", as_="viewer@beta.example", params={"limit": 7, "cursor": cursor})
        assert len(found["items"]) <= 7
        seen += [machine["machine_id"] for machine in found["items"]]
        cursor = found["next_cursor"]
    assert [serial for serial in seen if serial.startswith("PAGE-")] == wanted
    assert seen == sorted(set(seen))


async def test_every_field_can_be_changed_and_the_place_taken_away(shared: Platform) -> None:
    await add(shared, "CHANGE-1", lat=1.0, lon=2.0)
    wishes: dict[str, Any] = {
        "name": "Süd", "model": "SW-3", "tags": ["a", "b"], "lat": -33.9, "lon": 151.2, "expected_interval_s": 30,
        "notes": "ö" * 3998 + "\n😀",
    }  # fmt: skip
    for field, value in wishes.items():
        answer = await shared.call("PATCH", "/machines/CHANGE-1", json={field: value})
        assert (answer.status_code, answer.json()[field]) == (200, value)
    changed = await shared.get("/machines/CHANGE-1")
    assert {field: changed[field] for field in wishes} == wishes
    await shared.call("PATCH", "/machines/CHANGE-1", json={"lat": None, "lon": None, "tags": []})
    bare = await shared.get("/machines/CHANGE-1")
    assert (bare["lat"], bare["lon"], bare["tags"], bare["name"]) == (None, None, [], "Süd")


async def test_notes_are_read_with_their_machine_and_stay_with_the_company(shared: Platform) -> None:
    made = await add(shared, "NOTES-1")
    assert made["notes"] == ""
    assert await problem(shared, "PATCH", "/machines/NOTES-1", json={"notes": "x" * 4001}) == (422, "invalid", "notes")
    await shared.call("PATCH", "/machines/NOTES-1", json={"notes": "the gate sticks"})
    await shared.call("PATCH", "/machines/NOTES-1", json={"name": "Row 1"})
    assert (await shared.get("/machines/NOTES-1", as_="viewer@example.com"))["notes"] == "the gate sticks"
    listed = (await shared.get("/machines", params={"limit": 1000}))["items"]
    assert all("notes" not in one for one in listed)
    noted = (await shared.get("/audit", params={"action": "machine.change"}))["items"]
    assert {"notes": ["", "the gate sticks"]} in [entry["detail"] for entry in noted]
    moved = await shared.call(
        "POST", "/machines/NOTES-1/move", json={"company_id": 2}, params={"company_id": 1}, as_="root@example.com"
    )
    assert (moved.status_code, moved.json()["name"], moved.json()["notes"]) == (201, "Row 1", "")


async def test_what_cannot_be_null_is_refused(shared: Platform) -> None:
    await add(shared, "NULL-1", name="kept")
    for field in ("name", "model", "tags", "enabled", "expected_interval_s", "notes"):
        assert await problem(shared, "PATCH", "/machines/NULL-1", json={field: None}) == (422, "invalid", field)
    assert await problem(shared, "PATCH", "/machines/NULL-1", json={"machine_id": "X"}) == (
        422,
        "invalid",
        "machine_id",
    )
    assert (await shared.get("/machines/NULL-1"))["name"] == "kept"


async def test_only_admins_change_machines(shared: Platform) -> None:
    await add(shared, "ROLES-1")
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/machines", {"machine_id": "ROLES-2"}),
        ("PATCH", "/machines/ROLES-1", {"name": "x"}),
        ("DELETE", "/machines/ROLES-1", None),
        ("POST", "/machines/ROLES-1/credentials", None),
    ]
    for who in ("viewer@example.com", "operator@example.com"):
        for method, path, body in asked:
            assert await problem(shared, method, path, json=body, as_=who) == (403, "forbidden", None)
    assert (await shared.call("GET", "/machines/ROLES-1", as_="viewer@example.com")).status_code == 200


async def test_a_platform_admin_names_the_company(shared: Platform) -> None:
    root = "root@example.com"
    assert await problem(shared, "GET", "/machines", as_=root) == (422, "invalid", "company_id")
    added = await shared.call("POST", "/machines?company_id=2", json={"machine_id": "BY-ROOT"}, as_=root)
    assert (added.status_code, added.json()["company_id"]) == (201, 2)
    assert (await shared.call("GET", "/machines/BY-ROOT?company_id=2", as_=root)).status_code == 200
    assert (await problem(shared, "GET", "/machines/BY-ROOT?company_id=1", as_=root))[0] == 404
    nowhere = await problem(shared, "POST", "/machines?company_id=77", json={"machine_id": "X"}, as_=root)
    assert nowhere == (404, "not_found", None)


async def test_a_disabled_machine_loses_its_session_and_may_come_back_when_enabled(shared: Platform) -> None:
    login = await add(shared, "DISABLED-1")
    async with shared.mqtt(login["mqtt_username"], login["mqtt_password"]) as machine:
        changed = await shared.call("PATCH", "/machines/DISABLED-1", json={"enabled": False})
        assert (changed.status_code, changed.json()["enabled"]) == (200, False)

        async def gone() -> bool:
            return not machine.connected

        await eventually(gone, within_s=2)
        assert not await publishes(shared, login)
        await shared.call("PATCH", "/machines/DISABLED-1", json={"enabled": True})
        assert await publishes(shared, login)


async def test_an_archived_machine_is_gone_and_so_is_its_login(shared: Platform) -> None:
    login = await add(shared, "ENDED-1")
    async with shared.mqtt(login["mqtt_username"], login["mqtt_password"]) as machine:
        assert (await shared.call("DELETE", "/machines/ENDED-1")).status_code == 204

        async def gone() -> bool:
            return not machine.connected

        await eventually(gone, within_s=2)
    assert not await publishes(shared, login)
    paths = ["", "/status", "/telemetry", "/status/history", "/commands"]
    assert {(await problem(shared, "GET", f"/machines/ENDED-1{path}"))[0] for path in paths} == {404}
    assert (await problem(shared, "DELETE", "/machines/ENDED-1"))[0] == 404
    assert "ENDED-1" not in [machine["machine_id"] for machine in (await shared.get("/machines?limit=1000"))["items"]]


async def test_the_serial_of_an_archived_machine_is_free_after_a_day(shared: Platform) -> None:
    await add(shared, "REUSED-1")
    await shared.call("DELETE", "/machines/REUSED-1")
    assert await problem(shared, "POST", "/machines", json={"machine_id": "REUSED-1"}) == (409, "conflict", None)
    now_ms = wall_clock()
    with pytest.raises(ConflictError):
        async with shared.database.write() as session:
            await machines.add(session, 1, "REUSED-1", now_ms=now_ms + DAY_MS - 60_000)
    async with shared.database.write() as session:
        await machines.add(session, 1, "REUSED-1", now_ms=now_ms + DAY_MS + 60_000)
    assert (await shared.call("DELETE", "/machines/REUSED-1")).status_code == 204, "twice in the archive"


async def test_history_of_the_archived_is_not_the_heir_s(shared: Platform) -> None:
    old = await add(shared, "HEIR-1")
    assert await publishes(shared, old)
    assert await eventually(lambda: shared.telemetry("HEIR-1"))
    await shared.call("DELETE", "/machines/HEIR-1")
    async with shared.database.write() as session:
        await machines.add(session, 1, "HEIR-1", now_ms=wall_clock() + DAY_MS + 60_000)
    assert await shared.telemetry("HEIR-1") == []
    assert (await shared.get("/machines/HEIR-1/status"))["presence_cause"] == "never_heard"


async def test_a_rotated_login_takes_the_old_one_s_place_on_the_same_topics(shared: Platform) -> None:
    old = await add(shared, "ROTATED-1")
    answer = await shared.call("POST", "/machines/ROTATED-1/credentials")
    new = answer.json()
    assert (answer.status_code, new["machine_id"], new["company_id"]) == (201, "ROTATED-1", 1)
    assert new["mqtt_username"] != old["mqtt_username"]
    assert await publishes(shared, old)
    where = "company/1/machine/ROTATED-1/command"
    async with mosquitto.subscriber(shared.mqtt_port, where, **of(new)) as machine:
        await shared.call("POST", "/machines/ROTATED-1/commands", json={"command": "pause"})
        assert json.loads(await machine.message())["command"] == "pause"

    async def only_the_new_one() -> bool:
        return not await publishes(shared, old)

    await eventually(only_the_new_one)
    assert await publishes(shared, new)


async def test_the_old_login_ends_with_the_overlap(shared: Platform) -> None:
    old = await add(shared, "OVERLAP-1")
    new = (await shared.call("POST", "/machines/OVERLAP-1/credentials")).json()
    async with shared.database.write() as session:
        await machines.end_overlaps(session, now_ms=wall_clock() + DAY_MS - 60_000)
    assert await publishes(shared, old)
    async with shared.database.write() as session:
        await machines.end_overlaps(session, now_ms=wall_clock() + DAY_MS + 60_000)

    async def only_the_new_one() -> bool:
        return not await publishes(shared, old)

    await eventually(only_the_new_one)
    assert await publishes(shared, new)


async def test_the_same_serial_in_two_companies_never_mixes(shared: Platform) -> None:
    ours, theirs = await shared.add_machine("SAME-1", 1), await shared.add_machine("SAME-1", 2)
    for login, battery in ((ours, 11.0), (theirs, 12.0)):
        who = {"username": login.mqtt_username, "password": login.mqtt_password}
        sample = json.dumps({"battery": battery})
        await mosquitto.publish(shared.mqtt_port, topic(login, "telemetry"), sample, "-q", "1", **who)

    async def batteries() -> list[float]:
        rows = [
            row
            for who in ("viewer@example.com", "viewer@beta.example")
            for row in (await shared.get("/machines/SAME-1/telemetry", as_=who))["items"]
        ]
        return [row["battery"] for row in rows] if len(rows) == 2 else []

    assert await eventually(batteries) == [11.0, 12.0]
    newest = await shared.get("/machines/SAME-1/status", as_="viewer@beta.example")
    assert newest["telemetry"]["battery"] == 12.0


async def test_the_company_may_stand_in_the_body_too(shared: Platform) -> None:
    root = "root@example.com"
    named = await shared.call("POST", "/machines", json={"machine_id": "IN-BODY-1", "company_id": 2}, as_=root)
    assert (named.status_code, named.json()["company_id"]) == (201, 2)
    foreign = await shared.call("POST", "/machines", json={"machine_id": "IN-BODY-2", "company_id": 2})
    assert foreign.status_code == 404
    twice = {"machine_id": "IN-BODY-3", "company_id": 2}
    assert (await shared.call("POST", "/machines?company_id=1", json=twice, as_=root)).json()["field"] == "company_id"


async def test_a_disabled_machine_is_offline(shared: Platform) -> None:
    login = await shared.add_machine("SHUT-OUT-1")
    async with shared.mqtt(login.mqtt_username, login.mqtt_password) as client:
        await client.publish(topic(login, "status"), b'{"status":"Charging"}', qos=1)
        await eventually(lambda: _present(shared, "online"))
        async with viewing(shared, "SHUT-OUT-1") as viewer:
            answer = await shared.call("PATCH", "/machines/SHUT-OUT-1", json={"enabled": False})
            (told,) = await frames(viewer, "presence", 1)
    assert (told["data"]["presence"], told["data"]["cause"]) == ("offline", "disabled")
    current = answer.json()["current"]
    assert (current["presence"], current["presence_cause"], current["status"]) == ("offline", "disabled", "Charging")


async def _present(platform: Platform, presence: str) -> bool:
    found: bool = (await platform.get("/machines/SHUT-OUT-1/status"))["presence"] == presence
    return found
