"""What a world needs of a test: a migrated file to copy, and its own wire in the place of the network."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from blockbuster import BlockBuster

from sunsweep.machine import link
from sunsweep.server.db.engine import Database
from sunsweep.server.db.migrate import upgrade
from sunsweep.server.features.accounts import service as accounts
from sunsweep.server.features.accounts.roles import Role
from sunsweep.server.features.machines import service as machines
from sunsweep.server.ingest import pipeline
from tests.commands.clients import dial
from tests.commands.machines import COMPANY
from tests.commands.world import BEGIN_MS, World, ingest_client

NewWorld = Callable[[], World]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a company, a person and two machines."""
    path = tmp_path_factory.mktemp("template") / "sunsweep.db"
    asyncio.run(_fill(path))
    return path


async def _fill(path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    await upgrade(database)
    async with database.write() as session:
        await accounts.add_company(session, "Alpha", now_ms=BEGIN_MS)
        await accounts.add_user(
            session,
            "operator@example.com",
            Role.OPERATOR,
            company_id=COMPANY,
            password="correct horse",
            now_ms=BEGIN_MS,
        )
        for serial in ("REAL", "BARE"):
            await machines.add(session, COMPANY, serial, now_ms=BEGIN_MS)
    await database.close()


@pytest.fixture
def new_world(template: Path, blocking_calls: BlockBuster, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewWorld]:
    """Makes worlds; nothing in them waits, so nothing in them can block."""
    blocking_calls.deactivate()
    monkeypatch.setattr(link, "connected", dial)
    monkeypatch.setattr(pipeline, "MqttClient", ingest_client)
    with TemporaryDirectory() as folder:
        number = iter(range(1_000_000))

        def make() -> World:
            path = Path(folder) / str(next(number))
            path.mkdir()
            return World(template, path)

        yield make
