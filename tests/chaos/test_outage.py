"""A database that is away for long fills no broker and hides nothing from viewers."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.outage import Size, outage
from tests.support.mariadb import MariaDB, running_mariadb

BRIEFLY = Size(machines=60, interval_s=2, heartbeat_s=2, before_s=10, away_s=70)
TWENTY_MINUTES = Size(machines=1000, interval_s=30, heartbeat_s=30, before_s=60, away_s=1200)
LATE_S = 5.0


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[MariaDB]:
    with running_mariadb(tmp_path / "mortal") as server:
        yield server


@pytest.mark.timeout(1900)
@pytest.mark.parametrize(
    "size", [BRIEFLY, pytest.param(TWENTY_MINUTES, marks=pytest.mark.prove)], ids=["briefly", "twenty_minutes"]
)
async def test_broker_and_viewers_hardly_feel_it(
    mortal: MariaDB, tmp_path: Path, size: Size, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chaos")
    found = await outage(tmp_path, mortal, size)
    # The oldest is tried again, ever more slowly; everything else goes out once.
    assert found.per_s_away < 1.3 * found.per_s_before, str(found)
    assert found.kept_in_second_half <= 3 * size.machines, str(found)
    assert found.broker_grew_mib < 32, str(found)
    expected = size.viewers * size.away_s / size.interval_s
    assert found.shown_while_away > 0.95 * expected, str(found)
    assert found.latest_s < LATE_S, str(found)
