"""A platform that runs, on SQLite and on MariaDB, and a doctor beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.clock import wall_clock
from sunsweep.server.doctor.surroundings import Surroundings
from tests.doctor.looking import surroundings
from tests.support.platform import Platform, eventually, new_platform


async def start_broker(platform: Platform) -> None:
    """Return once its runner has said that it follows the logins."""
    await platform.start_broker()
    await eventually(lambda: wait_applied(platform.database, now_ms=wall_clock))


@pytest.fixture
async def quiet(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    """A migrated database; nothing runs yet."""
    platform = await new_platform(database_url, tmp_path)
    yield platform
    await platform.stop()


@pytest.fixture
async def brokered(quiet: Platform) -> Platform:
    """The broker runs, and is told of its logins."""
    await start_broker(quiet)
    return quiet


@pytest.fixture
def around(quiet: Platform) -> Surroundings:
    return surroundings(quiet.settings, quiet.database)
