"""Many real machine programs in one process, each with a body on the simulated field."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom
from typing import Final

from msgspec import Struct

from sunsweep.machine.backoff import Pace
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.drivers.body import Body
from sunsweep.machine.drivers.simulated import embody
from sunsweep.machine.program import Machine
from sunsweep.sim.almanac import sky_table
from sunsweep.sim.clock import NINE_S, SiteClock
from sunsweep.sim.field import Place, lay_out
from sunsweep.sim.schedule import Timetable
from sunsweep.sim.site import Site
from sunsweep.sim.sky import TableSky

CONNECTS_PER_S: Final = 100.0
PACE: Final = Pace(first_s=1.0, longest_s=15.0)
"""A simulated field and its broker are usually started together: it looks again sooner than a real one."""

_log = logging.getLogger(__name__)


class MachineLogin(Struct, frozen=True):
    """What a machine needs to be let in."""

    machine_id: str
    company_id: int
    mqtt_username: str
    mqtt_password: str


async def simulate(
    credentials: Sequence[MachineLogin],
    *,
    broker_url: str,
    speed: float = 1.0,
    telemetry_interval_s: float = 30.0,
    heartbeat_interval_s: float = 60.0,
    start_s: float = NINE_S,
    seed: int = 1,
    site: Site = Site(),  # noqa: B008  frozen
    cache: Path | None = None,
) -> None:
    """Run them all until cancelled; each then says farewell.

    `speed` is for physics and sun only, `start_s` the site's time of day at the beginning; `cache` is a folder
    that keeps the table of the sky from one start to the next. Raises `NoSky` where pvlib is missing.
    """
    table = await sky_table(site, cache=cache)
    clock = SystemClock()
    site_s = SiteClock(clock, speed=speed, start_s=start_s)
    async with asyncio.TaskGroup() as group:
        for login, place in zip(credentials, lay_out(len(credentials), seed=seed, site=site), strict=True):
            config = MachineConfig(
                broker=broker_url,
                company_id=login.company_id,
                machine_id=login.machine_id,
                mqtt_username=login.mqtt_username,
                mqtt_password=login.mqtt_password,
                telemetry_interval_s=telemetry_interval_s,
                heartbeat_interval_s=heartbeat_interval_s,
            )
            random = Random(f"{seed}/{login.machine_id}")  # noqa: S311  no secret
            body = Body(place.build, TableSky(table, clean=place.clean), site_s, random)
            group.create_task(_live(config, body, place, site_s), name=f"simulated-{login.machine_id}")
            await asyncio.sleep(1 / CONNECTS_PER_S)
        _log.info("%d simulated machines on %s", len(credentials), broker_url)


async def _live(config: MachineConfig, body: Body, place: Place, site_s: SiteClock) -> None:
    """One machine and its timetable."""
    # Boots must differ from one start to the next, whatever the seed.
    machine = Machine(config, embody(body), clock=SystemClock(), random=SystemRandom(), pace=PACE)
    timetable = Timetable(
        machine,
        site_s,
        first_run_after_s=place.first_run_after_s,
        random=Random(place.row),  # noqa: S311  no secret
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(machine.run(), name=f"program-{config.machine_id}")
        group.create_task(timetable.run(), name=f"timetable-{config.machine_id}")
