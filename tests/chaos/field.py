"""A field of machines in a process of its own: `python -m tests.chaos.field ORDER.json`.

SIGUSR1: sample no more, and end once every outbox is empty. SIGTERM: end now. Either way the report is written.
"""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.config import MachineConfig
from sunsweep.mqtt.backoff import Backoff
from sunsweep.mqtt.client import MqttClient, wall_clock_ms
from sunsweep.mqtt.port import MqttError, Published
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.features.machines.service import Login
from sunsweep.sim.parent import die_with
from tests.chaos.account import Bare, FieldReport, write_report
from tests.chaos.numbered import NumberedMachine
from tests.chaos.proxy import HOST

SMALL_OUTBOX: Final = 40
USUAL_OUTBOX: Final = 20_000
ANSWER_S: Final = 15.0
PROGRESS_S: Final = 1.0

_log = logging.getLogger("field")


class FieldOrder(Struct):
    """What a field is to be. Every fifth machine with an outbox has a small one, which gives up what it must."""

    numbered: list[Login]
    bare: list[Login]
    port: int
    interval_s: float
    seed: int
    report: str
    heartbeat_s: float = 2.0
    eventful: bool = True
    """Not only samples: changes, results, what is late or must be refused; and now and then a program starts again."""


class BareMachine:
    """QoS 1, no numbers, no clock: each sample carries a count of its own, and is sent once."""

    def __init__(self, login: Login, port: int, interval_s: float) -> None:
        self.bare = Bare(login.machine_id)
        self._interval_s = interval_s
        self._topic = str(MachineTopic(login.company_id, login.machine_id, Channel.TELEMETRY))
        settings = ConnectionSettings(
            host=HOST, port=port, username=login.mqtt_username, password=login.mqtt_password, keep_alive_s=5
        )
        self._client = MqttClient(settings, backoff=Backoff(first_s=0.2, cap_s=2))

    async def run(self, calm: asyncio.Event) -> None:
        running = asyncio.create_task(self._client.run(), name=f"bare-{self.bare.machine_id}")
        try:
            async with asyncio.TaskGroup() as group:
                while not calm.is_set():
                    if self._client.connected:
                        self.bare.said += 1
                        group.create_task(self._say(self.bare.said))
                    await asyncio.sleep(self._interval_s)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _say(self, number: int) -> None:
        said_ms = wall_clock_ms()
        try:
            async with asyncio.timeout(ANSWER_S):
                heard = await self._client.publish(self._topic, b'{"battery":12,"n":%d}' % number, qos=1)
        except (MqttError, TimeoutError):
            return
        # Without a subscriber the broker keeps nothing, and says so.
        if heard is Published.DELIVERED:
            self.bare.acknowledged[number] = (said_ms, wall_clock_ms())


class Field:
    def __init__(self, order: FieldOrder) -> None:
        url = f"mqtt://{HOST}:{order.port}"
        self.numbered = [
            NumberedMachine(
                _config(login, url, order),
                Random(f"{order.seed}/{login.machine_id}"),
                limit=SMALL_OUTBOX if index % 5 == 4 else USUAL_OUTBOX,
                eventful=order.eventful,
            )
            for index, login in enumerate(order.numbered)
        ]
        self.bare = [BareMachine(login, order.port, order.interval_s) for login in order.bare]

    @property
    def report(self) -> FieldReport:
        lives = [life for machine in self.numbered for life in machine.lives]
        return FieldReport(lives, [machine.bare for machine in self.bare])

    async def run(self, calm: asyncio.Event) -> None:
        """Until every machine has found its end; says once a second what still waits."""
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(machine.run(calm)) for machine in self.numbered]
            work += [group.create_task(machine.run(calm)) for machine in self.bare]
            while not all(task.done() for task in work):
                pending = [machine.pending for machine in self.numbered]
                _log.info("%d pending in %d outboxes", sum(pending), sum(map(bool, pending)))
                await asyncio.wait(work, timeout=PROGRESS_S)


def _config(login: Login, url: str, order: FieldOrder) -> MachineConfig:
    return MachineConfig(
        broker=url,
        company_id=login.company_id,
        machine_id=login.machine_id,
        mqtt_username=login.mqtt_username,
        mqtt_password=login.mqtt_password,
        telemetry_interval_s=order.interval_s,
        heartbeat_interval_s=order.heartbeat_s,
    )


async def main(order: FieldOrder) -> None:
    die_with(os.getppid())
    calm = asyncio.Event()
    field = Field(order)
    running = asyncio.create_task(field.run(calm), name="field")
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, calm.set)
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    outcome = (await asyncio.gather(running, return_exceptions=True))[0]
    write_report(Path(order.report), field.report)
    if isinstance(outcome, Exception):
        raise outcome


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=FieldOrder)))
