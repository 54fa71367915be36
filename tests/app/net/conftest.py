"""A server for all tests of a module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sunsweep.server.features.accounts.roles import Role
from tests.support.platform import Platform, running_platform


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """The whole backend, on SQLite, with an admin in company 2 too."""
    folder = tmp_path_factory.mktemp("site")
    async with running_platform(f"sqlite+aiosqlite:///{folder / 'sunsweep.db'}", folder) as running:
        await running.add_user("admin@beta.example", Role.ADMIN, company_id=2)
        yield running
