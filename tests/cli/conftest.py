"""What tests of verbs have."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster


@pytest.fixture
def outside_of_any_loop(blocking_calls: BlockBuster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """For verbs that run in this process: each has a loop of its own, and nothing around says what it works on."""
    blocking_calls.deactivate()
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "DATABASE_URL", "SECRET_KEY", "MQTT_URL"):
        monkeypatch.delenv(f"SUNSWEEP_{name}", raising=False)
    yield
    blocking_calls.activate()
