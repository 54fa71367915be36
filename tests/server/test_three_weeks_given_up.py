"""Three weeks without a network and little room, then back: what was given up is told, and the ledger closes."""

import asyncio
import shutil
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from sunsweep.contract.limits import MAX_ACCOUNT_RANGES
from sunsweep.contract.payloads import Status, Telemetry
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.outbox import Limits
from sunsweep.machine.program import Machine
from sunsweep.server.clock import wall_clock
from tests.machine.disks import disk_of, start
from tests.support.platform import Platform, eventually

PER_DAY = 24 * 120
SAMPLES = 21 * PER_DAY
CHANGE_EVERY = 40
"""A change of state twenty minutes apart: so many runs of samples lie between them."""
CHANGES = -(-SAMPLES // CHANGE_EVERY)
ROOM = 2_000


class Left(NamedTuple):
    """What an outbox on disk holds, and how it came to that."""

    folder: Path
    boot: int
    last: int
    given_up: int


@pytest.fixture(scope="module")
def three_weeks(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """At 30 s, up to now."""
    folder = tmp_path_factory.mktemp("three-weeks")
    outbox = start(folder, limits=Limits(messages=ROOM))
    disk_of(outbox)._db.execute("PRAGMA synchronous = OFF")  # no power is cut here
    began_ms = wall_clock() - SAMPLES * 30_000
    for number in range(SAMPLES):
        ts_ms = began_ms + number * 30_000
        outbox.put(Telemetry(13.1, 21.2, 4.5, 80.0), ts_ms)
        if number % CHANGE_EVERY == 0:
            outbox.put(Status("Running"), ts_ms)
    outbox.close()
    return Left(folder, outbox.boot, outbox.last_seq, outbox.counts.given_up)


@pytest.mark.prove
async def test_the_account_comes_in_pieces_and_every_number_is_somewhere(
    platform: Platform, three_weeks: Left, tmp_path: Path
) -> None:
    assert three_weeks.last == SAMPLES + CHANGES
    assert three_weeks.given_up > three_weeks.last - ROOM - 20
    state = shutil.copytree(three_weeks.folder, tmp_path / "state")
    login = await platform.add_machine("scm-1")
    config = MachineConfig(
        broker=platform.settings.mqtt_url,
        company_id=login.company_id,
        machine_id=login.machine_id,
        mqtt_username=login.mqtt_username,
        mqtt_password=login.mqtt_password,
        telemetry_interval_s=5.0,
        state_dir=str(state),
        max_messages=ROOM,
    )
    clock, random = SystemClock(), Random(12)
    body = Body(Build(), BenchSky(), morning_clock(clock, speed=1), random)
    machine = Machine(config, embody(body), clock=clock, random=random)
    task = asyncio.create_task(machine.run(), name="machine")

    async def closed() -> dict[str, Any] | None:
        assert not task.done(), "the program has ended"
        query = {"boot": three_weeks.boot}
        found = (await platform.get("/machines/scm-1/ledger", as_="viewer@example.com", params=query))["items"]
        return found[0] if found and found[0]["complete"] else None

    try:
        ledger = await eventually(closed, within_s=60)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (ledger["last"], ledger["ended"]) == (three_weeks.last, True)
    assert ledger["rejected"]["count"] == ledger["not_yet_arrived"]["count"] == 0
    assert ledger["stored"]["count"] + ledger["given_up"]["count"] == three_weeks.last
    assert ledger["given_up"]["count"] >= three_weeks.given_up
    assert len(ledger["given_up"]["ranges"]) > MAX_ACCOUNT_RANGES, "one account would have carried it"
    assert ledger["stored"]["count"] >= CHANGES, "changes of state are never given up"
