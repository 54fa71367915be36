"""Commit, then acknowledge: what the ingest was killed or stopped with is there afterwards."""

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.load import Load, bare_numbers, numbered_seqs
from tests.support.platform import Platform, eventually, new_platform, topic
from tests.support.processes import ingest_process

log = logging.getLogger(__name__)


@pytest.fixture
async def platform(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    """A broker, and no backend yet."""
    running = await new_platform(database_url, tmp_path)
    try:
        await running.start_broker()
        yield running
    finally:
        await running.stop()


async def test_killed_again_and_again_it_loses_nothing(platform: Platform) -> None:
    await prove(platform, signal.SIGKILL, rounds=2)


async def test_stopped_again_and_again_it_stores_everything_once(platform: Platform) -> None:
    await prove(platform, signal.SIGTERM, rounds=1)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_however_often(platform: Platform, how: signal.Signals) -> None:
    await prove(platform, how, rounds=40)


async def prove(platform: Platform, how: signal.Signals, *, rounds: int) -> None:
    login = await platform.add_machine("M-1")
    password = await platform.add_service_account("feeder", ("publish", "company/#"))
    async with platform.mqtt("feeder", password) as feeder:
        load = Load(feeder, topic(login, "telemetry"))
        async with load.running():
            for _ in range(rounds):
                await end_at_any_moment(platform, how)
        await load.burst()
        await platform.start_backend()
        await eventually(lambda: all_there(platform, load), within_s=30)
    seqs, bare = await numbered_seqs(platform.database), await bare_numbers(platform.database)
    assert set(seqs.values()) == {1}
    if how is signal.SIGTERM:
        assert set(bare.values()) == {1}
    log.info("%s: %d rounds, %d numbered, %d bare stored %d times", how, rounds, len(seqs), len(bare), bare.total())


async def end_at_any_moment(platform: Platform, how: signal.Signals) -> None:
    before = (await numbered_seqs(platform.database)).total()
    async with ingest_process(platform.settings) as process:
        await eventually(lambda: stored_more(platform, before), within_s=30)
        await asyncio.sleep(random.uniform(0, 0.2))
        process.send_signal(how)
        assert await process.wait() == (-how if how is signal.SIGKILL else 0)


async def stored_more(platform: Platform, before: int) -> bool:
    return (await numbered_seqs(platform.database)).total() > before


async def all_there(platform: Platform, load: Load) -> bool:
    seqs, bare = await numbered_seqs(platform.database), await bare_numbers(platform.database)
    return load.numbered <= seqs.keys() and load.bare <= bare.keys()
