"""A few seconds of chaos for each scenario. `make chaos` goes on for an hour, with seeds of its own."""

import logging
from pathlib import Path

import pytest

from tests.chaos.acts import Scenario
from tests.chaos.play import BROKER_LIVES, MARIADB, SCENARIOS, SQLITE, play

BRIEFLY_S = 22.0
LONG_S = 120.0


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    """A failure shows the seed and every act."""
    caplog.set_level(logging.INFO, "chaos")


@pytest.mark.timeout(360)
async def test_mariadb_and_everything_dies(tmp_path: Path) -> None:
    await play(MARIADB, tmp_path, seed=3, seconds=BRIEFLY_S)


@pytest.mark.timeout(360)
async def test_mariadb_and_the_broker_lives(tmp_path: Path) -> None:
    await play(BROKER_LIVES, tmp_path, seed=1, seconds=BRIEFLY_S)


@pytest.mark.timeout(360)
async def test_sqlite_with_a_full_disk(tmp_path: Path) -> None:
    await play(SQLITE, tmp_path, seed=2, seconds=BRIEFLY_S)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_longer_and_with_long_silences(tmp_path: Path, scenario: Scenario, seed: int) -> None:
    await play(scenario, tmp_path, seed=seed, seconds=LONG_S)
