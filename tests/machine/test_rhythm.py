"""Machines that were asked together do not go on in step."""

import asyncio
from random import Random

from sunsweep.contract.limits import MAX_BOOT
from sunsweep.machine.rhythm import Rhythm

INTERVAL_S = 30.0


def test_by_itself_it_waits_whole_intervals() -> None:
    rhythm = Rhythm(MAX_BOOT // 4)
    rhythm.turned(asked=False)
    assert rhythm.wait_s(INTERVAL_S) == INTERVAL_S
    assert rhythm.wait_s(2 * INTERVAL_S) == 2 * INTERVAL_S


def test_after_it_was_asked_the_next_wait_is_a_part_of_an_interval() -> None:
    rhythm = Rhythm(MAX_BOOT // 4)
    rhythm.turned(asked=False)
    rhythm.turned(asked=True)
    assert round(rhythm.wait_s(INTERVAL_S), 3) == INTERVAL_S / 4


def test_a_fleet_that_is_asked_at_once_is_spread_over_the_interval() -> None:
    """Full jitter leaves a fleet within seconds of each other; their samples must not stay there."""
    random = Random(1)
    seconds = [0] * int(INTERVAL_S)
    for _ in range(3000):
        rhythm = Rhythm(random.randint(1, MAX_BOOT))
        rhythm.turned(asked=True)
        second = random.uniform(0, 2) + rhythm.wait_s(INTERVAL_S)
        seconds[int(second % INTERVAL_S)] += 1
    assert max(seconds) < 2 * 3000 / INTERVAL_S


async def test_whoever_asks_is_answered_at_once_and_once() -> None:
    rhythm, asked = Rhythm(MAX_BOOT), asyncio.Event()
    asked.set()
    async with asyncio.timeout(1):
        await rhythm.turn(3600.0, asked)
    assert not asked.is_set()
    assert rhythm.wait_s(INTERVAL_S) == INTERVAL_S
    async with asyncio.timeout(1):
        await rhythm.turn(0.01, asked)
