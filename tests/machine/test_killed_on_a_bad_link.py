"""SIGKILL at random moments on a link that is cut at random: the real program, the real backend, over both transports.

The seed of a failure is in its words; it fixes the moments and the disturbances, not what the machine was doing then.
"""

import logging
from pathlib import Path

import pytest

from tests.machine.bad_link import killed_on_a_bad_link

KILLS = 8
MANY_KILLS = 200


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    """A run shows its figures."""
    caplog.set_level(logging.INFO, "chaos")


@pytest.mark.parametrize(("transport", "seed"), [("mqtt", 1), ("ws", 2)])
async def test_every_number_is_stored_once_or_waits(
    mariadb_url: str, tmp_path: Path, transport: str, seed: int
) -> None:
    story = await killed_on_a_bad_link(transport, mariadb_url, tmp_path, kills=KILLS, seed=seed)
    assert any(story.waited), "no kill found anything in the outbox"
    assert story.connected, "no killed boot ever reached the broker"


@pytest.mark.prove
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("transport", "seed"), [("mqtt", 11), ("ws", 12)])
async def test_every_number_is_stored_once_or_waits_after_two_hundred_kills(
    mariadb_url: str, tmp_path: Path, transport: str, seed: int
) -> None:
    story = await killed_on_a_bad_link(transport, mariadb_url, tmp_path, kills=MANY_KILLS, seed=seed)
    assert story.connected > MANY_KILLS // 4
    assert len(story.last) > MANY_KILLS // 2
