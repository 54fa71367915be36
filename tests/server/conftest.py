"""The platform of a test, on SQLite and on MariaDB."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sunsweep.server.features.accounts.roles import Role
from tests.support.platform import Platform, new_platform, running_platform


@pytest.fixture
async def platform(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    """Broker and web are up, the rest of the backend too; stop and start parts as you wish."""
    async with running_platform(database_url, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("platform")


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def module_url(request: pytest.FixtureRequest, module_folder: Path) -> Iterator[str]:
    """The URL of an empty database for a module, once on SQLite and once on MariaDB."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{module_folder / 'sunsweep.db'}"
        return
    server = request.getfixturevalue("mariadb")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_url: str, module_folder: Path) -> AsyncIterator[Platform]:
    """A platform for all tests of a module, with people in company 2 too: leave its parts running."""
    async with running_platform(module_url, module_folder) as running:
        await running.add_user("admin@beta.example", Role.ADMIN, company_id=2)
        await running.add_user("viewer@beta.example", Role.VIEWER, company_id=2)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def quiet(module_url: str, module_folder: Path) -> AsyncIterator[Platform]:
    """Broker and web for all tests of a module, and nobody who sends: a command stays as the test has made it."""
    running = await new_platform(module_url, module_folder)
    try:
        await running.add_user("admin@beta.example", Role.ADMIN, company_id=2)
        await running.start_broker()
        await running.start_web()
        yield running
    finally:
        await running.stop()
