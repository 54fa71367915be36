"""`run --dry-run`: what would be sent, on the screen and nowhere else."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from sunsweep.contract.limits import MAX_BOOT
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.entry import Message
from sunsweep.machine.outbox import MemoryOutbox
from sunsweep.machine.pilot import Move, Pilot
from sunsweep.machine.ports import Clock, Hardware
from sunsweep.machine.sampler import status_of, telemetry_of

_TICK_S: Final = 0.5


class DryRun:
    """The same sensors, states and numbers as a real run; `show` takes each topic and payload."""

    def __init__(
        self, config: MachineConfig, hardware: Hardware, *, clock: Clock, random: Random, show: Callable[[str], object]
    ) -> None:
        self._interval_s = config.telemetry_interval_s
        self._clock = clock
        self._show = show
        self._topic = MachineTopic(config.company_id, config.machine_id, Channel.STATUS)
        self._outbox = MemoryOutbox(random.randint(1, MAX_BOOT), limit=1)
        self._pilot = Pilot(hardware, clock, interlocks=config.limits, listeners=[self._tell_move])

    async def run(self, *, once: bool = False) -> None:
        """Until cancelled, or just one status and one sample."""
        await self._pilot.wake()
        self._send(status_of(self._pilot.state, self._pilot.reading))
        while True:
            await self._pilot.tick()
            self._send(telemetry_of(self._pilot.reading))
            if once:
                return
            await self._watch()

    async def _watch(self) -> None:
        """Look at the hardware until the next sample is due."""
        due_s = self._clock.monotonic_s() + self._interval_s
        while (left_s := due_s - self._clock.monotonic_s()) > 0:
            await asyncio.sleep(min(_TICK_S, left_s))
            await self._pilot.tick()

    def _tell_move(self, move: Move) -> None:
        self._send(status_of(move.state, move.reading))

    def _send(self, message: Message) -> None:
        entry = self._outbox.put(message, self._clock.now_ms())
        self._show(f"{self._topic._replace(channel=entry.channel)} {entry.payload.decode()}\n")
