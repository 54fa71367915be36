"""What only a database of its own can show: its clock, its disk."""

from dataclasses import replace

import pytest

from sunsweep.server.doctor.clocks import CLOCKS
from sunsweep.server.doctor.disk import DISK
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.surroundings import Surroundings
from tests.doctor.looking import later, levels, look, told


@pytest.fixture
def database_url(mariadb_url: str) -> str:
    """On this one alone."""
    return mariadb_url


@pytest.mark.parametrize(("behind_s", "level"), [(0, Level.OK), (10, Level.WARNING), (600, Level.FAILS)])
async def test_a_database_whose_clock_differs_is_told(around: Surroundings, behind_s: float, level: Level) -> None:
    findings = await look(CLOCKS, replace(around, now_ms=later(behind_s / 86_400)))
    (words,) = [one for one in told(findings, level) if "the database's clock" in one]
    assert words == ("the database's clock agrees with this computer's" if level is Level.OK else words)


async def test_the_room_of_a_database_on_this_computer_is_told(around: Surroundings) -> None:
    (words,) = told(await look(DISK, around), Level.OK)
    assert "/data" in words
    assert levels(await look(DISK, around)) == {Level.OK}
