"""The programs of deploy/compose.yaml, started in its order with its commands, variables, secrets and health checks.

What differs: hosts and ports are those of this computer; MariaDB stands for MySQL, and mosquitto for EMQX.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.env import values, write_env
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.server.broker import logins
from sunsweep.server.db.engine import Database
from tests.support import mariadb as server
from tests.support.command import ended_program, running, sunsweep
from tests.support.compose import composed
from tests.support.mariadb import MariaDB
from tests.support.platform import eventually
from tests.support.ports import free_port

pytestmark = pytest.mark.prove


@dataclass
class Stack:
    """Each name and port of the containers, and what stands for it here."""

    services: dict[str, Any]
    here: dict[str, str]

    def put(self, text: str) -> str:
        for there, here in self.here.items():
            text = text.replace(there, here)
        return text

    def command(self, name: str) -> list[str]:
        return [self.put(word) for word in self.services[name]["command"]]

    def environment(self, name: str) -> dict[str, str]:
        return {key: self.put(value) for key, value in self.services[name]["environment"].items()}

    async def healthy(self, name: str) -> bool:
        """By the service's own check."""
        kind, python, *words = self.services[name]["healthcheck"]["test"]
        assert (kind, python) == ("CMD", "python")
        return (await ended_program(sys.executable, *(self.put(word) for word in words))).code == 0


@pytest.fixture
def stack(folder: Path, mariadb: MariaDB) -> Iterator[Stack]:
    write_env(folder, {"DOMAIN": "sun.example.org"})
    services = composed(values((folder / ".env").read_text().splitlines()))["services"]
    mine = folder / "deploy" / "secrets"
    for name, there, ours in (
        ("database_url", "@mysql/sunsweep", f"@127.0.0.1:{mariadb.port}/stack"),
        ("database_url", "//sunsweep:", "//stack_backend:"),
    ):
        (mine / name).chmod(0o600)
        (mine / name).write_text((mine / name).read_text().replace(there, ours))
    (mine / "admin_database_url").chmod(0o600)
    (mine / "admin_database_url").write_text(f"mysql://{server.USER}:{server.PASSWORD}@127.0.0.1:{mariadb.port}")
    here = {
        "/run/secrets": str(mine),
        "/certs": str(folder),
        "solar_emqx:1883": f"127.0.0.1:{free_port()}",
        "8000": str(free_port()),
        "9100": str(free_port()),
        "0.0.0.0": "127.0.0.1",
    }
    yield Stack(services, here)
    mariadb.execute("DROP DATABASE IF EXISTS stack")
    for user in ("stack_backend", "sunsweep_mqtt"):
        mariadb.execute(f"DROP USER IF EXISTS '{user}'@'%'")


@asynccontextmanager
async def broker(stack: Stack, folder: Path) -> AsyncIterator[None]:
    """With the logins that `prepare` has made."""
    database = Database((folder / "deploy/secrets/database_url").read_text())
    host, _, port = stack.here["solar_emqx:1883"].rpartition(":")
    local = LocalBroker(folder / "broker", host=host, port=int(port))
    try:
        await local.start(await logins.broker_users(database))
        yield
    finally:
        await local.stop()
        await database.close()


async def test_they_come_up_in_their_order_and_end_when_they_are_told(stack: Stack, folder: Path) -> None:
    prepared = await sunsweep(*stack.command("prepare"), env=stack.environment("prepare"))
    assert prepared.code == 0, prepared.err
    assert not await stack.healthy("api")
    async with (
        broker(stack, folder),
        running(*stack.command("api"), env=stack.environment("api")) as api,
        running(*stack.command("ingest"), env=stack.environment("ingest")) as ingest,
    ):
        for name in ("api", "ingest"):
            await eventually(partial(stack.healthy, name), within_s=60)
        await api.says("first start: the platform admin is admin@sun.example.org, password ")
        for program in (ingest, api):
            ended = await program.told(15)
            assert ended.code == 0, ended.err
    again = await sunsweep(*stack.command("prepare"), env=stack.environment("prepare"))
    assert "as it was" in again.out
