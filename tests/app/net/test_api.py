"""Each route of the app's client, asked of a real server."""

import asyncio

import pytest

from sunsweep.app.net.api import new_key
from sunsweep.app.net.errors import Away, Refused, Why, failure
from sunsweep.app.net.http import Answer
from tests.app.net.clients import OPERATOR, ROOT, window
from tests.support.platform import HOST, Platform
from tests.support.proxy import proxy_to

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_machine_from_its_birth_to_its_end(site: Platform) -> None:
    async with window(site) as client:
        api = client.api
        added = await api.add_machine({"machine_id": "LIFE-1", "name": "Row 1", "tags": ["north"]})
        assert added["mqtt_password"]
        changed = await api.change_machine("LIFE-1", {"name": "Row 2", "lat": 37.4, "lon": -5.9})
        assert (await api.machine("LIFE-1")) == changed
        assert (await api.status("LIFE-1"))["presence_cause"] == "never_heard"
        assert (await api.rotate_credentials("LIFE-1", overlap_s=0))["mqtt_password"] != added["mqtt_password"]
        assert (await api.enrolment_code("LIFE-1", expires_in=600))["code"]
        assert (await api.telemetry("LIFE-1", resolution="raw"))["items"] == []
        assert (await api.status_history("LIFE-1")).items == []
        assert (await api.ledger("LIFE-1"))["items"] == []
        commands = [one["command"] for one in (await api.catalogue("LIFE-1"))["commands"]]
        assert "start_cleaning" in commands
        assert (
            api.export_path("LIFE-1", "csv", resolution="1h") == "/api/v1/machines/LIFE-1/telemetry.csv?resolution=1h"
        )
        await api.archive_machine("LIFE-1")
        with pytest.raises(Refused) as refusal:
            await api.machine("LIFE-1")
        assert (refusal.value.status, refusal.value.code) == (404, "not_found")


async def test_all_pages_of_a_list(site: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunsweep.app.net.api.PAGE", 2)
    async with window(site) as client:
        for n in range(5):
            await client.api.add_machine({"machine_id": f"PAGE-{n}"})
        pages = [[row["machine_id"] for row in rows] async for rows in client.api.machines()]
    assert all(len(page) <= 2 for page in pages)
    assert {f"PAGE-{n}" for n in range(5)} <= {machine_id for page in pages for machine_id in page}


async def test_a_refusal_names_each_field(site: Platform) -> None:
    async with window(site) as client:
        with pytest.raises(Refused) as refusal:
            await client.api.add_machine({"machine_id": "WRONG 1", "lat": 91})
    assert refusal.value.status == 422
    assert {wrong.field for wrong in refusal.value.errors} == {"machine_id", "lat"}
    assert refusal.value.field in {"machine_id", "lat"}
    assert refusal.value.detail


async def test_a_command_given_twice_with_one_key_is_one_command(site: Platform) -> None:
    async with window(site) as admin, window(site, OPERATOR) as client:
        await admin.api.add_machine({"machine_id": "ORDER-1"})
        key = new_key()
        first, again = [
            await client.api.give_command("ORDER-1", "stop_cleaning", expires_in=600, key=key) for _ in range(2)
        ]
        assert first["id"] == again["id"]
        assert first["open"]
        with pytest.raises(Refused) as refusal:
            await client.api.give_command("ORDER-1", "start_cleaning", {"speed": 5}, key=new_key())
        assert refusal.value.code == "stop_unconfirmed"
        assert [one["id"] for one in (await client.api.commands("ORDER-1", open_=True)).items] == [first["id"]]
        assert (await client.api.company_commands(states=["queued", "sent"])).items[0]["id"] == first["id"]
        with pytest.raises(Refused):
            await client.api.close_command("ORDER-1", first["id"])
        assert not (await client.api.cancel_command("ORDER-1", first["id"]))["open"]
        started = await client.api.give_command("ORDER-1", "start_cleaning", {"speed": 5}, key=new_key())
        await client.api.cancel_command("ORDER-1", started["id"])
        assert (await client.api.command("ORDER-1", started["id"]))["state"] == "cancelled"


async def test_one_command_for_many(site: Platform) -> None:
    async with window(site) as client:
        api = client.api
        for n in range(3):
            await api.add_machine({"machine_id": f"MANY-{n}", "tags": ["many"]})
        wish = {"command": "start_cleaning", "params": {"speed": 5}, "filter": {"tags": ["many"]}}
        dry = await api.dry_run(wish)
        assert dry["machines"] == 3
        begun = await api.begin_bulk(wish, confirmation=dry["confirmation"])
        assert begun["machines"] == 3
        assert (await api.bulk_runs()).items[0]["id"] == begun["id"]
        assert (await api.bulk_run(begun["id"]))["machines"] == 3
        targets = (await api.bulk_targets(begun["id"])).items
        assert [one["machine_id"] for one in targets] == ["MANY-0", "MANY-1", "MANY-2"]
        await api.abort_bulk(begun["id"])
        assert (await api.stop_all())["command"] == "stop_cleaning"


async def test_models_people_keys_letters_and_the_record(site: Platform) -> None:
    async with window(site) as client:
        api = client.api
        await api.set_model("mk 2", {"hose_out": {"description": "Let the hose out"}})
        assert (await api.model("mk 2"))["model"] == "mk 2"
        assert [one["model"] for one in await api.models()] == ["mk 2"]
        await api.delete_model("mk 2")
        added = await api.add_user("new@example.com", "viewer")
        assert added["reset_link"]
        user_id = added["user_id"]
        assert (await api.user(user_id))["email"] == "new@example.com"
        assert (await api.reset_link(user_id))["reset_link"]
        assert (await api.change_user(user_id, {"disabled": True}))["disabled_at"]
        assert user_id in [one["user_id"] for one in await api.users()]
        key = await api.add_api_key("a script", "viewer", 30)
        assert key["key"]
        await api.revoke_api_key(key["key_id"])
        assert (await api.api_keys())[0]["revoked_at"]
        assert (await api.dead_letters(reason="not_json")).items == []
        assert (await api.replay_dead_letters({"reason": "too_late"}))["asked"] == 0
        entries = (await api.audit(action="user.add", outcome="done", from_="2020-01-01T00:00:00Z")).items
        assert [one["object"] for one in entries] == ["user new@example.com"]


async def test_a_reset_link_is_spent(site: Platform) -> None:
    async with window(site) as client:
        added = await client.api.add_user("forgets@example.com", "viewer")
        token = added["reset_link"].rsplit("token=", 1)[1]
        await client.api.confirm_reset(token, "correct horse again")
        await client.api.ask_reset("forgets@example.com")
        with pytest.raises(Refused):
            await client.api.confirm_reset(token, "correct horse again")


async def test_the_company_that_a_platform_admin_looks_at_goes_along(site: Platform) -> None:
    async with window(site, ROOT) as client:
        api = client.api
        with pytest.raises(Refused):
            await api.machine("BETA-1")
        api.company_id = 2
        await api.add_machine({"machine_id": "BETA-1"})
        assert (await api.machine("BETA-1"))["company_id"] == 2
        assert [row["machine_id"] async for rows in api.machines() for row in rows] == ["BETA-1"]
        assert [one["email"] for one in await api.users()] == ["admin@beta.example"]
        assert (await api.add_user("second@beta.example", "viewer"))["company_id"] == 2
        assert [one["name"] for one in await api.companies()][:2] == ["Alpha", "Beta"]
        gamma = await api.add_company("Gamma")
        assert (await api.change_company(gamma["company_id"], {"name": "Delta"}))["name"] == "Delta"
        assert (await api.company(gamma["company_id"]))["name"] == "Delta"
        assert api.socket_path("/realtime", batch="true") == "/realtime?company_id=2&batch=true"
        assert (await api.move_machine("BETA-1", 1))["company_id"] == 1


async def test_a_viewer_is_told_why_not(site: Platform) -> None:
    async with window(site, "viewer@example.com") as client:
        with pytest.raises(Refused) as refusal:
            await client.api.give_command("MANY-0", "stop_cleaning", key=new_key())
    assert (refusal.value.status, refusal.value.code) == (403, "forbidden")


async def test_a_silent_network_is_a_timeout(site: Platform) -> None:
    async with proxy_to(site.settings.port) as proxy, window(site, None, port=proxy.port) as client:
        assert await client.api.is_there(5)
        proxy.go_silent()
        assert not await client.api.is_there(0.2)
        with pytest.raises(Away) as away:
            await client.session.answer("GET", "/me", timeout_s=0.2)
    assert away.value.why is Why.TIMEOUT


async def test_an_answer_of_somebody_between_is_no_refusal_of_ours(site: Platform) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"<html>bad gateway</html>"
        writer.write(
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    async with server, window(site, None, port=server.sockets[0].getsockname()[1]) as client:
        with pytest.raises(Away) as away:
            await client.api.me()
    assert away.value.why is Why.SERVER


async def test_when_to_come_again() -> None:
    busy = failure(Answer(503, b'{"code":"unavailable","detail":"the database"}', {"retry-after": "3"}))
    assert isinstance(busy, Away)
    assert (busy.why, busy.retry_after_s, busy.detail) == (Why.BUSY, 3.0, "the database")
    many = failure(Answer(429, b'{"code":"too_many_tries","retry_after_s":7}', {}))
    assert isinstance(many, Refused)
    assert many.retry_after_s == 7
