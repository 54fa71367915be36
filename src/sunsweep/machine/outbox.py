"""Numbered messages, kept until the backend has them."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from sunsweep.contract.codec import (
    decode_result,
    decode_status,
    decode_telemetry,
    encode_result,
    encode_status,
    encode_telemetry,
)
from sunsweep.contract.payloads import Receipt, Result, Stamp, Status, Telemetry
from sunsweep.contract.topics import Channel

Message = Telemetry | Status | Result
DEFAULT_LIMIT: Final = 20_000


class Entry(Struct, frozen=True):
    """One numbered message, ready to go; its bytes never change again."""

    seq: int
    channel: Channel
    payload: bytes
    ts_ms: int


class Counts(Struct):
    """What became of messages that left the outbox."""

    stored: int = 0
    rejected: int = 0
    given_up: int = 0


class Outbox(Protocol):
    """Numbers messages without gaps within `boot` and holds each until it is settled."""

    boot: int
    counts: Counts

    def put(self, message: Message, ts_ms: int) -> Entry:
        """Number and keep. Raises `Refused` where the contract does not take it; no number is spent then."""
        ...

    def settle(self, receipt: Receipt) -> int:
        """Forget what a receipt says is stored or rejected; how many that were."""
        ...

    def forget(self, seq: int) -> None:
        """Call this one done (for backends that give no receipts)."""
        ...

    def pending(self, *, after: int = 0) -> Iterator[Entry]:
        """What is held beyond the number `after`, in order."""
        ...

    def __contains__(self, seq: int) -> bool: ...

    def __len__(self) -> int: ...

    @property
    def last_seq(self) -> int: ...


class MemoryOutbox:
    """Lives as long as the program. Full, it gives up the oldest telemetry, never a status or a result."""

    def __init__(self, boot: int, *, limit: int = DEFAULT_LIMIT) -> None:
        self.boot = boot
        self.counts = Counts()
        self.last_seq = 0
        self._limit = limit
        self._held: dict[int, Entry] = {}

    def put(self, message: Message, ts_ms: int) -> Entry:
        entry = numbered(message, Stamp(ts_ms, self.boot, self.last_seq + 1))
        self.last_seq = entry.seq
        self._held[entry.seq] = entry
        if len(self._held) > self._limit:
            self._give_up_one()
        return entry

    def settle(self, receipt: Receipt) -> int:
        if receipt.boot != self.boot:
            return 0
        stored = sum(self._drop(first, last) for first, last in receipt.stored)
        rejected = sum(self._drop(first, last) for first, last, _ in receipt.rejected)
        self.counts.stored += stored
        self.counts.rejected += rejected
        return stored + rejected

    def forget(self, seq: int) -> None:
        self.counts.stored += self._drop(seq, seq)

    def pending(self, *, after: int = 0) -> Iterator[Entry]:
        if after == 0:
            return iter(self._held.values())
        newest_first = takewhile(lambda entry: entry.seq > after, reversed(self._held.values()))
        return iter(list(newest_first)[::-1])

    def __contains__(self, seq: int) -> bool:
        return seq in self._held

    def __len__(self) -> int:
        return len(self._held)

    def _drop(self, first: int, last: int) -> int:
        """A range may be as wide as a broken sender likes: it costs no more than what is held."""
        if last - first < len(self._held):
            gone = [seq for seq in range(first, last + 1) if seq in self._held]
        else:
            gone = [seq for seq in self._held if first <= seq <= last]
        for seq in gone:
            del self._held[seq]
        return len(gone)

    def _give_up_one(self) -> None:
        oldest = next((entry.seq for entry in self._held.values() if entry.channel is Channel.TELEMETRY), None)
        if oldest is not None:
            del self._held[oldest]
            self.counts.given_up += 1


def numbered(message: Message, stamp: Stamp) -> Entry:
    """The message as bytes that the contract takes; NaN has become null on the way. Raises `Refused`."""
    assert stamp.ts_ms is not None
    match message:
        case Telemetry():
            channel, payload = Channel.TELEMETRY, encode_telemetry(replace(message, stamp=stamp))
            decode_telemetry(payload)
        case Status():
            channel, payload = Channel.STATUS, encode_status(replace(message, stamp=stamp))
            decode_status(payload)
        case Result():
            channel, payload = Channel.RESULT, encode_result(replace(message, stamp=stamp))
            decode_result(payload)
    return Entry(stamp.seq, channel, payload, stamp.ts_ms)
