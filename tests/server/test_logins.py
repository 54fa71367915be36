"""Logins of machines that change while the machines are connected: renewed, ended, moved; what is retained goes too."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select
from typer.testing import CliRunner
from websockets.asyncio.client import connect

from sunsweep.cli.verbs import cli
from sunsweep.mqtt.port import MqttError
from sunsweep.server.broker import kicks
from sunsweep.server.broker.kicking import Kicking
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.db.models import ServiceAccount
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.machines import repository
from sunsweep.server.features.machines import service as machines
from sunsweep.server.features.machines.service import Login
from tests.server.viewers import frame, opened
from tests.support.peer import peer, refused
from tests.support.platform import HOST, Platform, eventually, running_platform, topic
from tests.support.ports import free_port
from tests.support.processes import serve_process

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE_S = 2.0
ROOT = "root@example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    folder = tmp_path_factory.mktemp("logins")
    async with running_platform(f"sqlite+aiosqlite:///{folder / 'sunsweep.db'}", folder) as running:
        yield running


def ways(site: Platform) -> tuple[str, str]:
    """TCP, and the door."""
    return f"mqtt://{HOST}:{site.mqtt_port}", f"ws://{HOST}:{site.settings.port}/mqtt"


def on(site: Platform, login: Login, way: int = 0) -> Any:
    return peer(ways(site)[way], login.mqtt_username, login.mqtt_password, client_id=f"{login.mqtt_username}-{way}")


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def is_out(site: Platform, login: Login) -> bool:
    return all([await refused(way, login.mqtt_username, login.mqtt_password) for way in ways(site)])


async def is_in(site: Platform, login: Login) -> bool:
    return not await refused(ways(site)[0], login.mqtt_username, login.mqtt_password)


def login_of(answer: dict[str, Any]) -> Login:
    return Login(answer["machine_id"], answer["company_id"], answer["mqtt_username"], answer["mqtt_password"])


async def rotated(site: Platform, serial: str, **body: Any) -> Login:
    answer = await site.call("POST", f"/machines/{serial}/credentials", json=body or None)
    assert answer.status_code == 201, answer.text
    return login_of(answer.json())


async def verb(site: Platform, *words: str) -> None:
    """An admin verb, which has a loop of its own."""
    env = {"SUNSWEEP_DATABASE_URL": site.settings.database_url}
    ended = await asyncio.to_thread(CliRunner().invoke, cli, words, env=env)
    assert ended.exit_code == 0, ended.output


ENDS = {
    "disabled": ("PATCH", "/machines/{}", {"enabled": False}),
    "archived": ("DELETE", "/machines/{}", None),
    "moved": ("POST", "/machines/{}/move?company_id=1", {"company_id": 2}),
    "revoked": ("POST", "/machines/{}/credentials", {"overlap_s": 0}),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_login_taken_away_over_rest_ends_its_sessions_at_once_and_lets_nobody_in(
    site: Platform, end: str
) -> None:
    serial = f"REST-{end}"
    login = await site.add_machine(serial)
    method, path, body = ENDS[end]
    async with on(site, login, 0) as tcp, on(site, login, 1) as door:
        answer = await site.call(
            method, path.format(serial), json=body, as_=ROOT if end == "moved" else "admin@example.com"
        )
        assert answer.is_success, answer.text
        for machine in (tcp, door):
            await machine.ended(within_s=AT_ONCE_S)
    assert await is_out(site, login)


async def test_a_machine_disabled_on_the_command_line_is_out_at_once(site: Platform) -> None:
    login = await site.add_machine("CLI-1")
    async with on(site, login, 0) as tcp, on(site, login, 1) as door:
        await verb(site, "machine", "disable", "CLI-1")
        for machine in (tcp, door):
            await machine.ended(within_s=AT_ONCE_S)
    assert await is_out(site, login)


async def test_a_person_disabled_loses_the_sockets_of_every_process_at_once(site: Platform) -> None:
    await site.add_machine("SEEN-1")
    await site.add_user("leaver@example.com", Role.VIEWER)
    second = site.settings.model_copy(update={"port": free_port()})
    query = f"?token={await site.token('leaver@example.com')}"
    async with serve_process(second, "api,live"):
        here, there = (f"ws://{HOST}:{port}/realtime/SEEN-1{query}" for port in (site.settings.port, second.port))
        await eventually(lambda: answers(second.port), within_s=30)
        async with connect(here, proxy=None) as ours, connect(there, proxy=None, open_timeout=30) as theirs:
            assert [(await frame(socket))["type"] for socket in (ours, theirs)] == ["snapshot", "snapshot"]
            await verb(site, "user", "disable", "leaver@example.com")
            async with asyncio.timeout(AT_ONCE_S):
                await asyncio.gather(ours.wait_closed(), theirs.wait_closed())
            assert [ours.close_code, theirs.close_code] == [4408, 4408]
        assert [await opened(url) for url in (here, there)] == [4401, 4401]


async def test_the_old_login_ends_when_the_new_one_first_connects(site: Platform) -> None:
    old = await site.add_machine("RENEWED-1")
    new = await rotated(site, "RENEWED-1")
    async with on(site, old) as before:
        await before.publish(topic(old, "status"), '{"status":"Idle"}')
        assert not before.lost.is_set()
        async with on(site, new):
            await before.ended(within_s=AT_ONCE_S)
    await eventually(lambda: is_out(site, old))
    assert await is_in(site, new)


async def test_of_several_rotations_the_one_that_is_used_ends_those_before_it(site: Platform) -> None:
    first = await site.add_machine("RENEWED-2")
    second, third = await rotated(site, "RENEWED-2"), await rotated(site, "RENEWED-2")
    assert await is_in(site, second)
    await eventually(lambda: is_out(site, first))
    assert await is_in(site, second)
    assert await is_in(site, third)
    await eventually(lambda: is_out(site, second))
    assert await is_in(site, third)


async def test_an_enrolled_machine_s_old_login_ends_with_its_first_connection(site: Platform) -> None:
    old = await site.add_machine("RENEWED-3")
    code = (await site.call("POST", "/machines/RENEWED-3/enrolment-code")).json()["code"]
    async with site.web("/api/v1") as web:
        new = login_of((await web.post("/enrol", json={"code": code})).raise_for_status().json())
    assert await is_in(site, old)
    assert await is_in(site, new)
    await eventually(lambda: is_out(site, old))


async def test_what_was_to_be_kicked_is_forgotten_once_the_local_broker_has_done_it(site: Platform) -> None:
    login = await site.add_machine("KICKED-1")
    await site.call("DELETE", "/machines/KICKED-1")
    assert await is_out(site, login)

    async def nobody() -> bool:
        return not await kicks.waiting(site.database)

    await eventually(nobody)


async def test_a_move_is_the_platform_admin_s_and_shows_the_new_login_once(site: Platform) -> None:
    login = await site.add_machine("MOVED-1")
    await site.call("PATCH", "/machines/MOVED-1", json={"name": "North", "tags": ["row 7"]})
    there = {"company_id": 2}
    statuses = [
        (await site.call("POST", path, json=body, as_=who)).status_code
        for path, body, who in (
            ("/machines/MOVED-1/move", there, "admin@example.com"),
            ("/machines/MOVED-1/move?company_id=2", there, ROOT),
            ("/machines/MOVED-1/move?company_id=1", {"company_id": 1}, ROOT),
            ("/machines/MOVED-1/move?company_id=1", {"company_id": 99}, ROOT),
        )
    ]
    assert statuses == [403, 404, 409, 404]
    moved = await site.call("POST", "/machines/MOVED-1/move?company_id=1", json=there, as_=ROOT)
    assert moved.status_code == 201
    told = moved.json()
    assert (told["company_id"], told["name"], told["tags"]) == (2, "North", ["row 7"])
    new = login_of(told)
    async with on(site, new, 0) as machine, on(site, new, 1) as observer:
        await observer.subscribe(topic(new, "command"))
        await machine.publish(topic(login, "command"), "at the old place")
        await machine.publish(topic(new, "command"), "at the new place")
        assert await observer.heard("at the new place") == ["at the new place"]
    assert (await site.call("GET", "/machines/MOVED-1")).status_code == 404
    assert "mqtt_password" not in (await site.get("/machines/MOVED-1?company_id=2", as_=ROOT))


@pytest.mark.parametrize("end", ["archived", "moved"])
async def test_nothing_stays_retained_on_the_topics_of_a_machine_that_is_gone(site: Platform, end: str) -> None:
    login = await site.add_machine(f"RETAINED-{end}")
    other = await site.add_machine(f"OTHER-{end}")
    will = (topic(login, "status"), '{"status":"offline"}')
    mine = [topic(login, "status"), topic(login, "telemetry"), topic(login, "status").replace("status", "of/its/own")]
    async with on(site, login) as machine:
        for name in mine:
            await machine.publish(name, "{}", retain=True)
    async with peer(ways(site)[0], other.mqtt_username, other.mqtt_password) as neighbour:
        await neighbour.publish(topic(other, "status"), f"of the other {end}", retain=True)
    async with peer(ways(site)[0], login.mqtt_username, login.mqtt_password, will=will):
        method, path, body = ENDS[end]
        assert (
            await site.call(method, path.format(login.machine_id), json=body, as_=ROOT, params={"company_id": 1})
        ).is_success
    password = await site.add_service_account(f"looker-{end}", ("subscribe", "company/#"))

    async def only_the_other_s() -> bool:
        async with peer(ways(site)[0], f"looker-{end}", password) as looker:
            await looker.subscribe(topic(login, "status").replace("status", "#"))
            await looker.subscribe(topic(other, "status"))
            return await looker.heard(f"of the other {end}") == [f"of the other {end}"]

    await eventually(only_the_other_s)
    letters = await site.get("/dead-letters", params={"company_id": 1}, as_=ROOT)
    assert [letter for letter in letters["items"] if letter["size"] == 0] == []

    async def its_login_is_gone() -> bool:
        async with site.database.read() as session:
            names = (await session.scalars(select(ServiceAccount.username))).all()
        return not any(name.startswith("clearing-") for name in names)

    await eventually(its_login_is_gone)


class FakeAdmin:
    """The broker's admin client, as far as kicking goes: it is away until told otherwise."""

    def __init__(self) -> None:
        self.away: type[Exception] | None = MqttError
        self.kicked: list[str] = []

    async def kick(self, username: str) -> None:
        if self.away is not None:
            raise self.away("not now")
        self.kicked.append(username)


@pytest.mark.parametrize("away", [MqttError, ConnectionRefusedError, TimeoutError])
async def test_a_kick_outlives_the_process_and_is_tried_until_it_succeeds(
    sqlite_url: str, away: type[Exception]
) -> None:
    database = Database(sqlite_url)
    await upgrade(database)
    async with database.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=wall_clock())
        machine, login = await machines.add(session, 1, "M-1", now_ms=wall_clock())
        await machines.change(session, machine, {"enabled": False}, now_ms=wall_clock())
    await database.close()

    later, admin = Database(sqlite_url), FakeAdmin()
    admin.away = away
    kicking = Kicking(later, admin)
    await kicking.look()
    assert [asked.username for asked in await kicks.waiting(later)] == [login.mqtt_username]
    admin.away = None
    await kicking.look()
    await kicking.look()
    assert (admin.kicked, await kicks.waiting(later)) == ([login.mqtt_username], [])
    await later.close()


async def test_a_login_renewed_meanwhile_is_kicked_again(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await upgrade(database)
    async with database.write() as session:
        await kicks.ask(session, ["m-1", "m-2"], 1000)
    asked = await kicks.waiting(database)
    async with database.write() as session:
        await kicks.ask(session, ["m-1"], 2000)
    await kicks.done(database, asked)
    assert await kicks.waiting(database) == [("m-1", 2000)]
    await database.close()


async def test_first_uses_end_what_was_before_them_in_one_go(database_url: str) -> None:
    database = Database(database_url)
    await upgrade(database)
    logins: list[list[str]] = []
    async with database.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=1000)
        for number in range(3):
            machine, first = await machines.add(session, 1, f"M-{number}", now_ms=1000)
            renewed = [await machines.rotate(session, machine, now_ms=1000) for _ in range(2)]
            logins.append([first.mqtt_username, *(login.mqtt_username for login in renewed)])
    used = [logins[0][2], logins[1][1], logins[2][0], "sunsweep-backend"]
    async with database.read() as session:
        fresh = await repository.fresh(session, used)
    for _ in range(2):
        async with database.write() as session:
            await machines.first_used(session, fresh, now_ms=2000)
    async with database.read() as session:
        assert await repository.fresh(session, used) == []
        living = [await repository.living_logins(session, machine_id) for machine_id in (1, 2, 3)]
    assert list(map(set, living)) == [set(logins[0][2:]), set(logins[1][1:]), set(logins[2])]
    kicked = {asked.username for asked in await kicks.waiting(database)}
    assert kicked == {*logins[0][:2], logins[1][0]}
    await kicks.done(database, await kicks.waiting(database))
    assert await kicks.waiting(database) == []
    await database.close()
