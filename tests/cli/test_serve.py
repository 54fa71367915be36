"""`sunsweep serve` and `sunsweep migrate` on a database and a broker of their own settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.server.broker import logins
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.db.engine import Database
from tests.support.command import Running, running, sunsweep
from tests.support.platform import eventually
from tests.support.ports import free_port

PASSWORD = "only-for-tests"


@dataclass
class Place:
    env: dict[str, str]
    database_url: str
    folder: Path
    mqtt_port: int
    port: int

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[None]:
        database = Database(self.database_url)
        broker = LocalBroker(self.folder / "broker", port=self.mqtt_port)
        try:
            async with database.write() as session:
                await set_account(session, "sunsweep-backend", PASSWORD)
            await broker.start(await logins.broker_users(database))
            yield
        finally:
            await broker.stop()
            await database.close()

    async def ready(self) -> tuple[int, dict[str, Any]]:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as client:
            try:
                answer = await client.get("/readyz")
            except httpx.TransportError:
                return 0, {}
        return answer.status_code, answer.json()

    async def becomes(self, code: int) -> dict[str, Any]:
        async def is_so() -> bool:
            return (await self.ready())[0] == code

        await eventually(is_so, within_s=20)
        return (await self.ready())[1]


@pytest.fixture
async def place(mariadb_url: str, tmp_path: Path) -> Place:
    port, mqtt_port = free_port(), free_port()
    env = {
        "SUNSWEEP_DATABASE_URL": mariadb_url,
        "SUNSWEEP_MQTT_URL": f"mqtt://127.0.0.1:{mqtt_port}",
        "SUNSWEEP_MQTT_PASSWORD": PASSWORD,
        "SUNSWEEP_SECRET_KEY": "only-for-tests-only-for-tests-only",
        "SUNSWEEP_PORT": str(port),
    }
    assert (await sunsweep("migrate", env=env)).code == 0
    return Place(env, mariadb_url, tmp_path, mqtt_port, port)


async def ends_well(program: Running) -> None:
    ended = await program.told(15)
    assert ended.code == 0
    assert ended.out == ""
    assert "Traceback" not in ended.err


async def test_all_roles_wait_for_their_broker_and_end_cleanly(place: Place) -> None:
    async with running("serve", env=place.env) as program:
        assert (await place.becomes(503))["broker"] == "not connected"
        async with place.broker():
            assert (await place.becomes(200))["status"] == "ok"
            busy = await sunsweep("serve", env=place.env)
            assert busy.code == 1
            assert f"is taken by sunsweep (pid {program.process.pid}: " in busy.err
            assert "SUNSWEEP_PORT" in busy.err
            with pytest.raises(InvalidStatus) as refusal:
                await connect(f"ws://127.0.0.1:{place.port}/mqtt", subprotocols=[Subprotocol("mqtt")], proxy=None)
            assert refusal.value.response.status_code == 403, "the door is open without having been asked for"
        assert (await place.becomes(503))["database"] == "ok"
        await ends_well(program)


async def test_single_roles_run_side_by_side(place: Place) -> None:
    async with (
        place.broker(),
        running("serve", "--roles", "api,live", env=place.env) as web,
        running("serve", "--roles", "ingest", env=place.env) as ingest,
        running("serve", "--roles", "dispatch,jobs", env=place.env) as rest,
    ):
        await asyncio.gather(*(program.says("begun") for program in (web, ingest, rest)))
        await place.becomes(200)
        await asyncio.gather(*(ends_well(program) for program in (web, ingest, rest)))


async def test_roles_without_a_web_server_can_be_asked_too(place: Place) -> None:
    env = place.env | {"SUNSWEEP_METRICS_PORT": str(place.port)}
    async with (
        place.broker(),
        running("serve", "--roles", "dispatch,jobs", env=env) as rest,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{place.port}") as web,
    ):
        await rest.says("begun")
        assert (await web.get("/healthz")).json() == {"status": "ok"}
        assert "sunsweep_loop_stalls_total" in (await web.get("/metrics")).text
        busy = await sunsweep("serve", "--roles", "jobs", env=env)
        assert busy.code == 1
        assert "SUNSWEEP_METRICS_PORT" in busy.err
        await ends_well(rest)


@pytest.mark.parametrize("key", ["", "short"])
async def test_a_missing_or_short_key_is_said(key: str, tmp_path: Path) -> None:
    env = {"SUNSWEEP_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/x.db"} | (
        {"SUNSWEEP_SECRET_KEY": key} if key else {}
    )
    ended = await sunsweep("serve", env=env)
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert line.startswith("sunsweep: SUNSWEEP_SECRET_KEY: ")
    assert "short" not in line


async def test_settings_are_read_from_a_file_and_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "SUNSWEEP_DATABASE_URL=mysql+asyncmy://me:hidden@127.0.0.1:1/x\n"
        "SUNSWEEP_SECRET_KEY=only-for-tests-only-for-tests-only\n"
        f"SUNSWEEP_PORT={free_port()}\n"
    )
    ended = await sunsweep("serve", cwd=tmp_path)
    assert ended.code == 1
    assert "sunsweep: the database cannot be used: " in ended.err.splitlines()[-1]
    assert "hidden" not in ended.err
    assert "Traceback" not in ended.err
