"""The platform of a test, on SQLite and on MariaDB."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.platform import Platform, new_platform


@pytest.fixture
async def platform(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    """Broker and web are up, the rest of the backend too; stop and start parts as you wish."""
    running = await new_platform(database_url, tmp_path)
    try:
        await running.start_broker()
        await running.start_web()
        await running.start_backend()
        yield running
    finally:
        await running.stop()
