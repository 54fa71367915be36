"""Broker, web and ingest; each test starts its own dispatchers, which look and sweep often."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sunsweep.server.dispatch import dispatcher
from tests.support.dispatching import started
from tests.support.platform import Platform


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "SWEEP_S", 0.3)
    monkeypatch.setattr(dispatcher, "LOOK_S", 0.1)


@pytest.fixture
async def on_both(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    async with started(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def platform(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    async with started(sqlite_url, tmp_path) as running:
        yield running
