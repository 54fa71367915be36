"""The database is away for 20 minutes under 1,000 machines: what they put on the wire, in simulated time."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from sunsweep.contract.payloads import Receipt, Telemetry
from sunsweep.machine.outbox import MemoryOutbox
from sunsweep.machine.window import Window

MACHINES = 1000
INTERVAL_S = 30.0
OUTAGE_S = 1200.0
RECEIPT_AFTER_S = 1.0


@dataclass
class Wire:
    """What the broker was given: publishes at QoS 1 by the minute, and how long each sample took to be shown."""

    by_minute: Counter[int] = field(default_factory=Counter)
    queued: int = 0
    shown_after_s: list[float] = field(default_factory=list)
    drained_at_s: list[float] = field(default_factory=list)


class Sender:
    """One machine's outbox and window; the database comes back at `OUTAGE_S`, and with it the receipts."""

    def __init__(self, boot: int, first_s: float, wire: Wire) -> None:
        self._outbox = MemoryOutbox(boot)
        self._window = Window(self._outbox)
        self._wire = wire
        self._next_sample_s = first_s
        self._measured_s: dict[int, float] = {}
        self._unreceipted: set[int] = set()
        self._receipt_s = OUTAGE_S + RECEIPT_AFTER_S

    def run(self) -> None:
        now_s = self._next_sample_s
        while now_s < OUTAGE_S or self._outbox:
            if now_s >= self._next_sample_s:
                self._sample(now_s)
            if now_s >= self._receipt_s:
                self._receive(now_s)
            self._send(now_s)
            now_s = min(self._next_sample_s, self._receipt_s, now_s + max(0.05, self._window.wait_s(now_s)))
        self._wire.drained_at_s.append(now_s)

    def _sample(self, now_s: float) -> None:
        entry = self._outbox.put(Telemetry(12.0), int(now_s * 1000))
        self._measured_s[entry.seq] = now_s
        self._next_sample_s += INTERVAL_S

    def _receive(self, now_s: float) -> None:
        self._receipt_s = now_s + RECEIPT_AFTER_S
        told = tuple((seq, seq) for seq in sorted(self._unreceipted))
        self._unreceipted.clear()
        if self._outbox.settle(Receipt(int(now_s * 1000), self._outbox.boot, told)):
            self._window.opened(now_s)

    def _send(self, now_s: float) -> None:
        while sendings := self._window.due(now_s):
            for entry, qos in sendings:
                if entry.seq in self._measured_s:
                    self._wire.shown_after_s.append(now_s - self._measured_s.pop(entry.seq))
                if qos:
                    self._unreceipted.add(entry.seq)
                    self._wire.by_minute[int(now_s // 60)] += 1
                    self._wire.queued += now_s < OUTAGE_S


def test_traffic_and_the_broker_s_queue_stay_flat_and_viewers_stay_current() -> None:
    random, wire = Random(1), Wire()
    for boot in range(1, MACHINES + 1):
        Sender(boot, random.uniform(0, INTERVAL_S), wire).run()
    samples = MACHINES * OUTAGE_S / INTERVAL_S
    # Until the windows close, one or two samples each; afterwards only the oldest is tried, ever more slowly.
    assert wire.queued < 12 * MACHINES < samples / 3
    assert sum(wire.by_minute[minute] for minute in range(10, 20)) <= 2 * MACHINES
    assert len(wire.shown_after_s) >= samples
    assert max(wire.shown_after_s) == 0
    assert max(wire.drained_at_s) < OUTAGE_S + INTERVAL_S + 5 * RECEIPT_AFTER_S
