"""A few seconds of chaos for each scenario. `make chaos` goes on for an hour, with seeds of its own."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.acts import Scenario
from tests.chaos.play import BROKER_LIVES, MARIADB, SCENARIOS, SQLITE, TWO_WORKERS, play
from tests.support.mariadb import MariaDB, running_mariadb

BRIEFLY_S = 16.0
LONG_S = 120.0


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A server that may be killed."""
    with running_mariadb(tmp_path_factory.mktemp("mortal")) as server:
        yield server


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    """A failure shows the seed and every act."""
    caplog.set_level(logging.INFO, "chaos")


@pytest.mark.timeout(360)
async def test_mariadb_and_everything_dies(mortal: MariaDB, tmp_path: Path) -> None:
    await play(MARIADB, tmp_path, mortal, seed=3, seconds=BRIEFLY_S)


@pytest.mark.timeout(360)
async def test_mariadb_and_the_broker_lives(mortal: MariaDB, tmp_path: Path) -> None:
    await play(BROKER_LIVES, tmp_path, mortal, seed=1, seconds=BRIEFLY_S)


@pytest.mark.timeout(360)
async def test_sqlite_with_a_full_disk(mortal: MariaDB, tmp_path: Path) -> None:
    await play(SQLITE, tmp_path, mortal, seed=2, seconds=BRIEFLY_S)


@pytest.mark.timeout(360)
async def test_two_workers_share_two_members(mortal: MariaDB, tmp_path: Path) -> None:
    await play(TWO_WORKERS, tmp_path, mortal, seed=4, seconds=BRIEFLY_S)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_longer_and_with_long_silences(mortal: MariaDB, tmp_path: Path, scenario: Scenario, seed: int) -> None:
    await play(scenario, tmp_path, mortal, seed=seed, seconds=LONG_S)
