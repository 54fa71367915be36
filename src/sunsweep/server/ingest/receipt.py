"""Receipts: what of a machine's numbered messages is safe or refused for good, and what time it is."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sunsweep.contract.codec import encode_receipt
from sunsweep.contract.payloads import Receipt, Status
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.mqtt.port import Client, NotConnectedError
from sunsweep.server import metrics
from sunsweep.server.clock import Clock
from sunsweep.server.ingest.messages import Accepted, Decoded, MachineRef

GATHER_S: Final = 1.0
MAX_RANGES: Final = 500


class Receipts:
    """Gathers per machine and boot, and tells after the commit."""

    def __init__(self, client: Client, *, now_ms: Clock) -> None:
        self._client = client
        self._now_ms = now_ms
        self._stored: dict[tuple[MachineRef, int], list[int]] = defaultdict(list)
        self._rejected: dict[tuple[MachineRef, int], list[tuple[int, str]]] = defaultdict(list)
        self._ask_the_time: set[MachineRef] = set()
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
        for item in outcome:
            if isinstance(item, Accepted):
                stamp = item.body.stamp
                if stamp.numbered:
                    self._stored[item.machine, stamp.boot].append(stamp.seq)
                elif isinstance(item.body, Status) and item.body.session and stamp.ts_ms is None:
                    self._ask_the_time.add(item.machine)
            elif item.machine is not None and item.numbered is not None:
                boot, seq = item.numbered
                self._rejected[item.machine, boot].append((seq, str(item.reason)))
        if self._stored or self._rejected or self._ask_the_time:
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
        stored, rejected, ask = dict(self._stored), dict(self._rejected), set(self._ask_the_time)
        self._stored.clear()
        self._rejected.clear()
        self._ask_the_time.clear()
        for machine, boot in sorted(stored.keys() | rejected.keys()):
            ranges = _ranges((seq, "") for seq in stored.get((machine, boot), ()))
            refused = _ranges(rejected.get((machine, boot), ()))
            ask.discard(machine)
            for at in range(0, max(len(ranges), len(refused)), MAX_RANGES):
                part = slice(at, at + MAX_RANGES)
                receipt = Receipt(self._now_ms(), boot, tuple((a, b) for a, b, _ in ranges[part]), tuple(refused[part]))
                await self._tell(machine, receipt)
        for machine in sorted(ask):
            await self._tell(machine, Receipt(self._now_ms()))
        self._telling = 0
        self._since_s = time.monotonic() if self._something.is_set() else None

    async def _tell(self, machine: MachineRef, receipt: Receipt) -> None:
        topic = str(MachineTopic(machine.company_id, machine.serial, Channel.RECEIPT))
        try:
            await self._client.publish(topic, encode_receipt(receipt))
            metrics.RECEIPTS.inc()
        except NotConnectedError:
            return


def _ranges(numbers: Iterable[tuple[int, str]]) -> list[tuple[int, int, str]]:
    """Runs of neighbours of the same word, inclusive."""
    runs: list[tuple[int, int, str]] = []
    for seq, word in sorted(set(numbers)):
        if runs and runs[-1][1] + 1 == seq and runs[-1][2] == word:
            runs[-1] = (runs[-1][0], seq, word)
        else:
            runs.append((seq, seq, word))
    return runs
