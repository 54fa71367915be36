"""A private broker, and machines on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.backoff import Pace
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.program import Machine
from tests.machine.broker import Broker

USER, PASSWORD, SERIAL = "m-one", "secret-one", "scm-1"
QUICK = Pace(first_s=0.1, longest_s=0.3)
TOPIC = MachineTopic(1, SERIAL, Channel.COMMAND)

Running = Callable[..., AbstractAsyncContextManager[Machine]]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path, [(USER, PASSWORD, SERIAL)])
    await broker.prepare()
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()


def config_for(url: str) -> MachineConfig:
    return MachineConfig(
        broker=url,
        company_id=1,
        machine_id=SERIAL,
        mqtt_username=USER,
        mqtt_password=PASSWORD,
        telemetry_interval_s=0.2,
    )


@pytest.fixture
def running(broker: Broker) -> Running:
    """A machine at work while the block lasts; its own time runs 20 times as fast."""

    # Another one at each start: of the same seed the same boot would be drawn, and its numbers used again.
    seeds = count(7)

    @asynccontextmanager
    async def run(
        build: Build | None = None, *, speed: float = 20.0, pace: Pace = QUICK, **changes: object
    ) -> AsyncIterator[Machine]:
        clock, random = SystemClock(), Random(next(seeds))
        config = replace(config_for(broker.url), **changes)
        body = Body(build or Build(), BenchSky(), morning_clock(clock, speed=speed), random)
        machine = Machine(config, embody(body), clock=clock, random=random, pace=pace)
        task = asyncio.create_task(machine.run(), name="machine")
        try:
            yield machine
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return run
