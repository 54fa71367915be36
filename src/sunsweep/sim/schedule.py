"""A machine's own timetable: clean in daylight, rest, clean again; whoever stops it from outside is obeyed."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.machine.pilot import Rejected
from sunsweep.machine.program import Machine
from sunsweep.machine.states import State
from sunsweep.sim.sky import DAY_S

LOOK_EVERY_S: Final = 1.0
FIRST_HOUR: Final = 7.0
LAST_HOUR: Final = 17.0
READY_V: Final = 13.2
READY_WATER_PCT: Final = 95.0


class Timetable:
    """One machine's; `site_s` tells the site's time."""

    def __init__(
        self, machine: Machine, site_s: Callable[[], float], *, first_run_after_s: float, random: Random
    ) -> None:
        self._machine = machine
        self._site_s = site_s
        self._random = random
        self._next_run_s = site_s() + first_run_after_s

    async def run(self) -> None:
        """Look now and then whether it is time."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._machine.pilot.state not in {State.DOCKED, State.CHARGING}:
                self._next_run_s = max(self._next_run_s, self._site_s() + self._random.uniform(600, 2400))
            elif self._due():
                await self._start()

    def _due(self) -> bool:
        hour = self._site_s() % DAY_S / 3600
        reading = self._machine.pilot.reading
        return (
            self._site_s() >= self._next_run_s
            and FIRST_HOUR <= hour < LAST_HOUR
            and self._machine.last_order not in STOP_RANK
            and (reading.battery_v or 0) >= READY_V
            and (reading.water_pct or 0) >= READY_WATER_PCT
        )

    async def _start(self) -> None:
        try:
            await self._machine.pilot.order(Order.START_CLEANING, {"speed": self._random.randint(3, 7)})
        except Rejected:
            self._next_run_s = self._site_s() + 600
