"""Many simulated machines in a process of their own: `python -m bench.fleet_field ORDER.json`.

They connect one after the other, spread over an interval. Each second a line of JSON says how they are. SIGUSR1: sample
no more; once every outbox is empty, or the time for that is up, the report is written, and the machines stay connected.
SIGTERM: end.
"""

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import uvloop
from bench.fleet_machine import FleetMachine, Tally
from msgspec import Struct

from sunsweep.server.features.machines.service import Login
from sunsweep.server.roles import spare_the_collector
from sunsweep.sim.parent import die_with

SAY_S: Final = 1.0
EMPTY_WITHIN_S: Final = 180.0


class FleetOrder(Struct):
    """What the machines are to be. `connect_s`: over so many seconds they connect for the first time."""

    logins: list[Login]
    port: int
    interval_s: float
    heartbeat_s: float
    connect_s: float
    seed: int
    report: str


class Said(Struct):
    """How they are; counts are since the start."""

    ready: int
    pending: int
    published: int
    again: int
    acknowledged: int
    stored: int
    refused: int
    receipts: int
    failures: int
    full_at_ms: int
    reported: bool


class Account(Struct):
    """One machine, in its own words."""

    machine_id: str
    boot: int
    last_seq: int
    pending: int
    rejected: int
    given_up: int


class FleetReport(Struct):
    """`away_s`: the quantiles (50, 90, 99, 100 %) of how long machines were without the connection that they had."""

    accounts: list[Account]
    away_s: list[float]


class Field:
    """All machines of the process."""

    def __init__(self, order: FleetOrder) -> None:
        self._order = order
        self.tally = Tally()
        self._reported = False
        draw = Random(order.seed)
        self._machines = [
            FleetMachine(
                login,
                order.port,
                interval_s=order.interval_s,
                heartbeat_s=order.heartbeat_s,
                random=Random(draw.getrandbits(64)),
                tally=self.tally,
                of=len(order.logins),
            )
            for login in order.logins
        ]

    async def run(self, calm: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._say_for_ever(), name="say")
            tasks.create_task(self._begin(), name="begin")
            await calm.wait()
            for machine in self._machines:
                machine.calm()
            await self._until_empty()
            await asyncio.to_thread(Path(self._order.report).write_bytes, msgspec.json.encode(self._report()))
            self._reported = True

    async def _begin(self) -> None:
        """Paced, as a broker's listen queue is short."""
        began_s = time.monotonic()
        for number, machine in enumerate(self._machines):
            due_s = began_s + number * self._order.connect_s / len(self._machines)
            if (wait_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            machine.start()

    async def _until_empty(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(EMPTY_WITHIN_S):
                while any(len(machine.outbox) for machine in self._machines):
                    await asyncio.sleep(0.2)

    async def _say_for_ever(self) -> None:
        while True:
            print(msgspec.json.encode(self._said()).decode(), flush=True)
            await asyncio.sleep(SAY_S)

    def _said(self) -> Said:
        tally = self.tally
        return Said(
            tally.ready,
            sum(len(machine.outbox) for machine in self._machines),
            tally.published,
            tally.again,
            tally.acknowledged,
            sum(machine.outbox.counts.stored for machine in self._machines),
            tally.refused,
            tally.receipts,
            tally.failures,
            tally.full_at_ms,
            self._reported,
        )

    def _report(self) -> FleetReport:
        accounts = [
            Account(
                machine.login.machine_id,
                machine.outbox.boot,
                machine.outbox.last_seq,
                len(machine.outbox),
                machine.outbox.counts.rejected,
                machine.outbox.counts.given_up,
            )
            for machine in self._machines
        ]
        return FleetReport(accounts, _quantiles(self.tally.away_s))


def _quantiles(seconds: Sequence[float]) -> list[float]:
    if len(seconds) < 2:
        return []
    cuts = statistics.quantiles(seconds, n=100)
    return [cuts[49], cuts[89], cuts[98], max(seconds)]


def _end_of_all(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A mistake in here must not look like one of the product."""
    loop.default_exception_handler(context)
    os._exit(1)


async def main(order: FleetOrder) -> None:
    die_with(os.getppid())
    calm = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_end_of_all)
    field = Field(order)
    running = asyncio.create_task(field.run(calm), name="field")
    loop.add_signal_handler(signal.SIGUSR1, calm.set)
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    spare_the_collector()
    with suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=FleetOrder)))
