"""The two kinds of machine: the real program on a body that counts, and a bare one that does whatever comes."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from sunsweep.contract.codec import decode_command
from sunsweep.contract.commands import STOP_RANK, Order
from sunsweep.contract.payloads import Command
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.ports import Activity, Hardware, Reading
from sunsweep.machine.program import Machine as MachineProgram
from sunsweep.mqtt.port import NotConnectedError
from tests.commands.broker import Connection, Delivery, Packet, publish
from tests.commands.clients import IN_HAND
from tests.commands.loop import Process
from tests.machine.fakes import FakeBody

COMPANY: Final = 1
WAY_HOME_S: Final = 5.0
BARE_SLOW_S: Final = 0.4
BARE_HEARTBEAT_S: Final = 20.0
AGAIN_S: Final = 1.0
DEEDS: Final = {
    Order.START_CLEANING: "start",
    Order.STOP_CLEANING: "halt",
    Order.RETURN_TO_DOCK: "return_to_dock",
    Order.EMERGENCY_STOP: "cut_power",
    Order.PAUSE: "pause",
    Order.RESUME: "resume",
    Order.RESET: "restore_power",
}


class Deed(NamedTuple):
    """What the drive of a machine did because of a command, and what was true then."""

    command: Command
    expires_in_s: int | None
    clock_ms: int
    synchronised: bool


class Slot:
    """A machine's place in the world: its network, its connection, its power."""

    def __init__(self, world: Any, serial: str, machine_id: int) -> None:
        self.world = world
        self.serial = serial
        self.machine_id = machine_id
        self.process: Process | None = None
        self.reachable = True
        self.stalled = False
        self.connection: Connection | None = None
        self.topic = MachineTopic(COMPANY, serial, Channel.COMMAND)

    def topic_of(self, channel: Channel) -> str:
        return str(self.topic._replace(channel=channel))

    def connect(self, process: Process, **more: Any) -> Connection:
        """Raises `NotConnectedError`."""
        if not self.reachable:
            raise NotConnectedError("no network")
        self.connection = self.world.broker.connect(process, self.serial, **more)
        if self.stalled:
            self.connection.road.stall()
        return self.connection

    def start(self) -> None:
        """Its program begins."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        return self.process is not None

    @property
    def connected(self) -> bool:
        return self.connection is not None and self.connection.open and not self.connection.mute

    def stall(self) -> None:
        self.stalled = True
        if self.connection is not None:
            self.connection.road.stall()

    def hold(self) -> None:
        if self.connection is not None:
            self.connection.held = True

    def turn_round(self) -> None:
        """What waits on its road comes in the other order."""
        if self.connection is not None:
            self.connection.road.turn_round()

    def cut(self) -> None:
        """Both ends notice at once."""
        self._break_off(at_once=True)

    def lose(self) -> None:
        """Nobody notices before the keep-alive."""
        self._break_off(at_once=False)

    def release(self) -> None:
        self.reachable = True
        self.stalled = False
        if self.connection is not None:
            self.connection.road.release()
            self.connection.unhold()

    @property
    def on_the_way(self) -> list[Any]:
        """Commands that stand on a stalled road."""
        if self.connection is None:
            return []
        topic = str(self.topic)
        waiting = self.connection.road.waiting
        return [item for item in waiting if isinstance(item, Delivery) and item.packet.topic == topic]

    def drop(self, item: Delivery) -> None:
        assert self.connection is not None
        self.connection.road.waiting.remove(item)

    def add(self, item: Delivery) -> None:
        assert self.connection is not None
        self.connection.road.waiting.append(item)

    @property
    def brought(self) -> list[Delivery]:
        """Commands that were written to the connection that stands."""
        if self.connection is None or not self.connection.open:
            return []
        return [delivery for delivery in self.connection.deliveries if delivery.packet.topic == str(self.topic)]

    def bring(self, delivery: Delivery) -> None:
        """It comes, and nobody has sent it again."""
        assert self.connection is not None
        self.connection.road.put(delivery)

    @property
    def obstructed(self) -> bool:
        return not self.reachable or self.stalled or (self.connection is not None and self.connection.held)

    def _break_off(self, *, at_once: bool) -> None:
        self.reachable = False
        if self.connection is not None:
            self.connection.break_off(at_once=at_once)

    def kill(self) -> None:
        if self.process is not None:
            self.world.kill(self.process)
            self.process = None


class MachineClock:
    """The loop's time, and a wall clock that steps."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.synchronised = True
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return int(self._world.true_ms()) + self.ahead_ms

    def monotonic_s(self) -> float:
        return float(self._world.loop.time())


class CountingBody(FakeBody):
    """Tells of every deed; the way home takes a while."""

    def __init__(self, time_s: Callable[[], float], on_deed: Callable[[str], None]) -> None:
        super().__init__()
        self._time_s = time_s
        self._on_deed = on_deed
        self._home_at_s = 0.0

    async def read(self) -> Reading:
        if self.reading.activity is Activity.TRAVELLING and self._time_s() >= self._home_at_s:
            self.see(activity=Activity.DOCKED)
        return await super().read()

    def lose_power(self) -> None:
        self.see(activity=self._standing())

    def _do(self, call: str, activity: Activity) -> None:
        super()._do(call, activity)
        self._home_at_s = self._time_s() + WAY_HOME_S
        self._on_deed(call.split(maxsplit=1)[0])


class RealMachine(Slot):
    """`sunsweep.machine.program.Machine` as it is, but for the wire and the body."""

    def __init__(self, world: Any, serial: str, machine_id: int, folder: Path) -> None:
        super().__init__(world, serial, machine_id)
        self.clock = MachineClock(world)
        self.body = CountingBody(world.loop.time, self._did)
        self.deeds: list[Deed] = []
        self.boots: list[int] = []
        self._folder = folder
        self._program: MachineProgram | None = None

    def start(self) -> None:
        self.process = self.world.begin(f"{self.serial}-{len(self.boots)}", self._run())

    def kill(self) -> None:
        if self._program is not None and self.process is not None:
            disk = self._program.outbox._shelf._disk
            assert disk is not None
            disk.close()
        super().kill()
        self.body.lose_power()

    @property
    def owes(self) -> int:
        """How many words of it nobody has given a receipt for."""
        return 0 if self._program is None else len(self._program.outbox)

    async def _run(self) -> None:
        config = MachineConfig(
            broker="mqtt://broker",
            company_id=COMPANY,
            machine_id=self.serial,
            mqtt_username=self.serial,
            telemetry_interval_s=3600,
            state_dir=str(self._folder / self.serial),
        )
        random = Random(len(self.boots))
        self._program = MachineProgram(config, Hardware(self.body, self.body), clock=self.clock, random=random)
        self.boots.append(self._program.outbox.boot)
        await self._program.run()

    def _did(self, call: str) -> None:
        delivery = IN_HAND.get()
        if delivery is None or delivery.packet.topic != str(self.topic):
            return
        command = decode_command(delivery.packet.payload)
        if DEEDS.get(Order(command.command)) != call:
            return
        assert self._program is not None
        almanac = self._program._almanac
        deed = Deed(command, delivery.expires_in_s, almanac.now_ms(), almanac.synchronised)
        self.world.verdict.real_did(self.deeds, deed)
        self.deeds.append(deed)


class BareMachine(Slot):
    """The customer's own: no session, no result, no id; it does what it hears and says how it is."""

    def __init__(self, world: Any, serial: str, machine_id: int) -> None:
        super().__init__(world, serial, machine_id)
        self.status = "Idle"
        self.did: list[Command] = []
        self._news = asyncio.Event()
        self._inbox: asyncio.Queue[Delivery | None] = asyncio.Queue()
        self._boots = 0

    def start(self) -> None:
        self._boots += 1
        self.process = self.world.begin(f"{self.serial}-{self._boots}", self._run())

    def kill(self) -> None:
        super().kill()
        self.status = "Idle"

    async def _run(self) -> None:
        while True:
            try:
                await self._live()
            except NotConnectedError:
                await asyncio.sleep(AGAIN_S)

    async def _live(self) -> None:
        assert self.process is not None
        self._inbox, self._news = asyncio.Queue(), asyncio.Event()
        will = Packet(self.topic_of(Channel.STATUS), b'{"status":"offline"}', 1)
        connection = self.connect(
            self.process,
            filters=[str(self.topic)],
            on_packet=self._inbox.put_nowait,
            on_lost=lambda: self._inbox.put_nowait(None),
            will=will,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                speaking = tasks.create_task(self._speak(connection))
                while (delivery := await self._inbox.get()) is not None:
                    await self._obey(delivery)
                speaking.cancel()
        finally:
            connection.leave(farewell=False)

    async def _speak(self, connection: Connection) -> None:
        while True:
            word = json.dumps({"status": self.status}).encode()
            connection.send(publish(Packet(self.topic_of(Channel.STATUS), word, 1), None))
            self._news.clear()
            try:
                async with asyncio.timeout(BARE_HEARTBEAT_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _obey(self, delivery: Delivery) -> None:
        command = decode_command(delivery.packet.payload)
        self.did.append(command)
        await asyncio.sleep(BARE_SLOW_S)
        self._become(self._leads_to(command.command))
        if self.status == "Returning":
            await asyncio.sleep(WAY_HOME_S)
            self._become("Docked")

    def _become(self, status: str) -> None:
        self.status = status
        self._news.set()

    def _leads_to(self, order: str) -> str:
        if order in {Order.START_CLEANING, Order.RESUME}:
            return "Running"
        if order == Order.CONFIGURE:
            return self.status
        if order == Order.PAUSE:
            return "Paused" if self.status == "Running" else self.status
        if order == Order.RESET:
            return "Idle"
        return {Order.RETURN_TO_DOCK: "Returning", Order.EMERGENCY_STOP: "EmergencyStop"}.get(Order(order), "Idle")


def is_start_like(command: str) -> bool:
    return command not in STOP_RANK
