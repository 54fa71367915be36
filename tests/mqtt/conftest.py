"""A broker for the tests of this room."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sunsweep.mqtt.local_broker import LocalBroker
from tests.support.broker import running_broker


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[LocalBroker]:
    async with running_broker(tmp_path / "broker") as started:
        yield started
