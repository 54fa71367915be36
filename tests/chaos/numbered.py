"""A machine with an outbox, wired from the machine program's own parts; it samples faster and keeps a diary."""

import asyncio
import time
from collections.abc import Iterator
from random import Random, SystemRandom
from typing import Final

from sunsweep.contract.ids import uuid7
from sunsweep.contract.limits import MAX_BOOT
from sunsweep.contract.payloads import LossAccount, Receipt, Result, ResultState, Status, Telemetry
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.machine.backoff import Pace
from sunsweep.machine.clock import SystemClock
from sunsweep.machine.config import MachineConfig
from sunsweep.machine.downlink import Downlink
from sunsweep.machine.entry import Message
from sunsweep.machine.guard import Delivery
from sunsweep.machine.link import Link
from sunsweep.machine.outbox import Limits, Outbox
from sunsweep.machine.shelf import Shelf
from sunsweep.machine.uplink import Uplink
from sunsweep.machine.voice import Voice
from tests.chaos.account import Life

PACE: Final = Pace(first_s=0.2, longest_s=2.0)
HOUR_MS: Final = 3_600_000
LATE_MS: Final = 3 * HOUR_MS
TOO_LATE_MS: Final = 200 * 24 * HOUR_MS
RESTARTS: Final = 0.01
MAX_TOLD: Final = 500
ANOTHER_WORD_S: Final = 3.0


class OneLife:
    """From one start of the program to the next."""

    def __init__(
        self, config: MachineConfig, random: Random, *, limit: int, eventful: bool, ended: Life | None
    ) -> None:
        self.life = Life(config.machine_id, SystemRandom().randint(1, MAX_BOOT))
        self._config = config
        self._random = random
        self._eventful = eventful
        self._ended = ended
        self._told: set[int] = set()
        # What is too old for the backend is for the backend to refuse.
        limits = Limits(messages=limit, age_ms=2 * TOO_LATE_MS, unwritten=limit)
        self._outbox = Outbox(self.life.boot, shelf=Shelf(None), limits=limits)
        self._settled = asyncio.Event()
        clock = SystemClock()
        topic = MachineTopic(config.company_id, config.machine_id, Channel.STATUS)
        self._uplink = Uplink(self._outbox, clock, topic=topic, receipts=True)
        voice = Voice(
            topic,
            outbox=self._outbox,
            uplink=self._uplink,
            downlink=Downlink(topic, on_command=self._obey, on_receipt=self._settle),
            status=lambda: Status("Running"),
            on_connected=lambda: None,
            heartbeat_s=config.heartbeat_interval_s,
        )
        self._link = Link(config, clock, random=random, session=voice, pace=PACE)

    def __len__(self) -> int:
        return len(self._outbox)

    async def run(self, calm: asyncio.Event) -> None:
        """Sample until it is calm or the program is to start again; end with an empty outbox."""
        link = asyncio.create_task(self._link.run(), name=f"link-{self._config.machine_id}")
        try:
            self._put(Status("Docked", account=self._account_of_the_last_life()))
            while not calm.is_set() and not self._starts_again():
                self._say_something()
                await _within(calm, self._config.telemetry_interval_s)
            self._tell_losses()
            while self._outbox:
                self._settled.clear()
                await _within(self._settled, ANOTHER_WORD_S)
                if not self._settled.is_set():
                    # Any receipt has what was lost on the way sent again; without one that takes half a minute.
                    self._put(Status("Docked"))
                self._tell_losses()
        finally:
            # Until Python 3.12 a cancellation that meets an answer may be lost.
            while not link.done():
                link.cancel()
                await asyncio.wait([link], timeout=1)
            self._close_the_diary()

    def _starts_again(self) -> bool:
        return self._eventful and self._random.random() < RESTARTS

    def _say_something(self) -> None:
        """Mostly samples; now and then a change, a result, something late, something that must be refused."""
        now_ms = time.time_ns() // 1_000_000
        draw = self._random.random() if self._eventful else 1.0
        if draw < 0.06:
            self._put(Status(self._random.choice(("Running", "Paused", "Docked")), energy=float(self._outbox.last_seq)))
        elif draw < 0.10:
            self._put(Result(uuid7(now_ms, self._random.getrandbits(74)), ResultState.RUNNING))
        else:
            age_ms = LATE_MS if draw < 0.16 else TOO_LATE_MS if draw < 0.19 else 0
            self._put(Telemetry(13.5, 21.2, 4.5, 80.0, {"temp": 30 + draw}), ts_ms=now_ms - age_ms)
        self._tell_losses()

    def _put(self, message: Message, *, ts_ms: int | None = None) -> None:
        self._outbox.put(message, ts_ms or time.time_ns() // 1_000_000)
        self._uplink.news.set()

    def _tell_losses(self) -> None:
        untold = sorted(self._given_up() - self._told)[:MAX_TOLD] if self._outbox.counts.given_up else []
        if untold:
            self._told |= set(untold)
            lost = [(self.life.boot, seq, seq) for seq in untold]
            self._put(Status("Running", account=LossAccount(lost=lost)))

    def _account_of_the_last_life(self) -> LossAccount | None:
        return None if self._ended is None else LossAccount(ended=[(self._ended.boot, self._ended.last_seq)])

    async def _obey(self, delivery: Delivery) -> None:
        """Nobody orders anything here."""

    def _settle(self, receipt: Receipt) -> None:
        before = self._held()
        if not self._outbox.settle(receipt):
            return
        gone = before - self._held()
        refused = {seq for first, last, _ in receipt.rejected for seq in _between(first, last, gone)}
        self.life.rejected |= refused
        self.life.stored |= gone - refused
        self._uplink.receipted()
        self._settled.set()

    def _held(self) -> set[int]:
        return {entry.seq for entry in self._outbox.pending()}

    def _given_up(self) -> set[int]:
        return set(range(1, self._outbox.last_seq + 1)) - self.life.stored - self.life.rejected - self._held()

    def _close_the_diary(self) -> None:
        counts = self._outbox.counts
        self.life.last_seq = self._outbox.last_seq
        self.life.pending = self._held()
        self.life.given_up = self._given_up()
        self.life.counted = (counts.stored, counts.rejected, counts.given_up)


class NumberedMachine:
    """One life after the other."""

    def __init__(self, config: MachineConfig, random: Random, *, limit: int, eventful: bool) -> None:
        self.lives: list[Life] = []
        self._config = config
        self._random = random
        self._limit = limit
        self._eventful = eventful
        self._now: OneLife | None = None

    @property
    def pending(self) -> int:
        return 0 if self._now is None else len(self._now)

    async def run(self, calm: asyncio.Event) -> None:
        await _within(calm, self._random.uniform(0, self._config.telemetry_interval_s))
        while not calm.is_set():
            ended = self.lives[-1] if self.lives else None
            self._now = OneLife(self._config, self._random, limit=self._limit, eventful=self._eventful, ended=ended)
            self.lives.append(self._now.life)
            await self._now.run(calm)


def _between(first: int, last: int, numbers: set[int]) -> Iterator[int]:
    return (seq for seq in numbers if first <= seq <= last)


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Until the event, or the time is up."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
