"""An event loop that stands still is seen from outside it, and where it stands."""

import asyncio
import threading
import time

import pytest
from blockbuster import BlockBuster
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from sunsweep.server.stalls import watched_loop
from tests.support.platform import eventually


def stalls() -> float:
    return REGISTRY.get_sample_value("sunsweep_loop_stalls_total") or 0.0


def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_stall_is_said_once_with_the_place(blocking_calls: BlockBuster) -> None:
    blocking_calls.deactivate()
    before = stalls()
    with capture_logs() as logs, watched_loop(stall_s=0.2, look_s=0.02):
        await asyncio.sleep(0.1)
        assert logs == []
        block_the_loop(0.8)

        async def over() -> bool:
            return len(logs) == 2

        await eventually(over)
    assert stalls() == before + 1
    warning, info = logs
    assert (warning["log_level"], info["log_level"]) == ("warning", "info")
    assert warning["stack"].split(" > ")[-1].endswith(" block_the_loop")
    assert 0.2 <= warning["seconds"] <= info["stood_s"]
    assert info["stood_s"] >= 0.7


@pytest.mark.parametrize("seconds", [0.0, 0.05])
async def test_a_loop_that_moves_is_left_alone_and_the_watch_ends_with_it(seconds: float) -> None:
    before = stalls()
    with capture_logs() as logs, watched_loop(stall_s=5, look_s=0.01):
        await asyncio.sleep(seconds)
        assert "loop-watch" in names()
    assert (logs, stalls()) == ([], before)

    async def ended() -> bool:
        return "loop-watch" not in names()

    await eventually(ended)


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}
