"""Receipts: what of a machine's numbered messages is safe or refused for good, and what time it is."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from sunsweep.contract.codec import encode_receipt
from sunsweep.contract.payloads import Receipt, Status
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.mqtt.port import Client, MqttError
from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.ingest.messages import Accepted, Decoded, MachineRef
from sunsweep.server.tracing import span

GATHER_S: Final = 1.0
MAX_RANGES: Final = 500
AT_ONCE: Final = 200
"""Receipts in one write; between two of them others have their turn."""

_waited: Final = metrics.STAGE_SECONDS.labels("receipt")


class Receipts:
    """Gathers per machine and boot, and tells after the commit."""

    def __init__(self, client: Client, *, now_ms: Clock) -> None:
        self._client = client
        self._now_ms = now_ms
        self._machines: dict[int, MachineRef] = {}
        self._stored: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._rejected: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)
        self._ask_the_time: set[int] = set()
        self._something = asyncio.Event()
        self._telling = 0
        self._since_s: float | None = None

    @property
    def waiting(self) -> int:
        """How many machines' boots wait for a receipt."""
        return max(self._telling, len(self._stored.keys() | self._rejected.keys()) + len(self._ask_the_time))

    @property
    def waiting_s(self) -> float:
        """How long the oldest receipt has waited, a second of gathering included."""
        return 0.0 if self._since_s is None else time.monotonic() - self._since_s

    def committed(self, outcome: Iterable[Decoded]) -> None:
        """Take in a batch that has been committed."""
        machines, stored = self._machines, self._stored
        for item in outcome:
            machine = item.machine
            if type(item) is Accepted:
                stamp = item.body.stamp
                if stamp.boot:
                    stored[item.machine.id, stamp.boot].append(stamp.seq)
                elif type(item.body) is Status and item.body.session and stamp.ts_ms is None:
                    self._ask_the_time.add(item.machine.id)
                else:
                    continue
            elif machine is not None and item.numbered is not None:
                boot, seq = item.numbered
                self._rejected[machine.id, boot].append((seq, str(item.reason)))
            if machine is not None:
                machines[machine.id] = machine
        if self._machines:
            self._something.set()
            if self._since_s is None:
                self._since_s = time.monotonic()

    async def run(self) -> None:
        """Tell the machines, each at most once a second."""
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER_S)
            await self.flush()

    async def flush(self) -> None:
        """Tell now what is gathered. A receipt that is lost is told again when its messages come again."""
        self._something.clear()
        self._telling = self.waiting
        waited_since_s = self._since_s
        try:
            with span("receipts", boots=self._telling):
                await self._tell()
            if waited_since_s is not None:
                _waited.observe(time.monotonic() - waited_since_s)
        finally:
            self._telling = 0
            self._since_s = time.monotonic() if self._something.is_set() else None

    async def _tell(self) -> None:
        receipts = list(self._take())
        for start in range(0, len(receipts), AT_ONCE):
            some = receipts[start : start + AT_ONCE]
            try:
                await self._client.publish_all(
                    (str(MachineTopic(machine.company_id, machine.serial, Channel.RECEIPT)), encode_receipt(receipt))
                    for machine, receipt in some
                )
            except MqttError:
                return
            metrics.RECEIPTS.inc(len(some))
            await asyncio.sleep(0)

    def _take(self) -> Iterator[tuple[MachineRef, Receipt]]:
        """Everything gathered so far, which is then no longer kept."""
        now_ms = self._now_ms()
        machines, stored, rejected, ask = self._machines, self._stored, self._rejected, self._ask_the_time
        self._machines, self._ask_the_time = {}, set()
        self._stored, self._rejected = defaultdict(list), defaultdict(list)
        for machine_id, boot in sorted(stored.keys() | rejected.keys()):
            ranges = _runs(stored.get((machine_id, boot), ()))
            refused = _ranges(rejected.get((machine_id, boot), ()))
            ask.discard(machine_id)
            for at in range(0, max(len(ranges), len(refused)), MAX_RANGES):
                part = slice(at, at + MAX_RANGES)
                yield machines[machine_id], Receipt(now_ms, boot, tuple(ranges[part]), tuple(refused[part]))
        for machine_id in sorted(ask):
            yield machines[machine_id], Receipt(now_ms)


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of neighbours, inclusive."""
    runs: list[tuple[int, int]] = []
    first = last = 0
    for seq in sorted(set(numbers)):
        if seq != last + 1 or not last:
            if last:
                runs.append((first, last))
            first = seq
        last = seq
    return [*runs, (first, last)] if last else runs


def _ranges(numbers: Iterable[tuple[int, str]]) -> list[tuple[int, int, str]]:
    """Runs of neighbours of the same word, inclusive."""
    runs: list[tuple[int, int, str]] = []
    for seq, word in sorted(set(numbers)):
        if runs and runs[-1][1] + 1 == seq and runs[-1][2] == word:
            runs[-1] = (runs[-1][0], seq, word)
        else:
            runs.append((seq, seq, word))
    return runs
