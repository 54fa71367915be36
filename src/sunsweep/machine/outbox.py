"""Numbered messages, kept until the backend has them."""

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from sunsweep.contract.limits import MAX_ACCOUNT_RANGES
from sunsweep.contract.payloads import LossAccount, Receipt, Stamp, Status
from sunsweep.contract.refusal import Refused
from sunsweep.contract.topics import Channel
from sunsweep.machine.damage import UNREADABLE
from sunsweep.machine.dating import date_all
from sunsweep.machine.entry import Entry, Message, message_of, numbered
from sunsweep.machine.losses import Losses
from sunsweep.machine.shelf import Shelf

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
DEFAULT_LIMIT: Final = 20_000
_BATCHES: Final = 200
"""What is full gives up this part of itself at once: whole runs, so that their account stays short."""
_NOW: Final = "now"
_LOSSES: Final = "losses"
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Limits(NamedTuple):
    """How much is kept. `unwritten` bounds what is in memory only, while the disk takes nothing or there is none."""

    messages: int = 100_000
    size_bytes: int = 64 * 1024 * 1024
    age_ms: int = 83 * DAY_MS
    unwritten: int = DEFAULT_LIMIT


class Counts(Struct):
    """What became of messages that left the outbox."""

    stored: int = 0
    rejected: int = 0
    given_up: int = 0


class Outbox:
    """Numbers messages without gaps within `boot` and holds each, of whatever boot, until it is settled.

    Full, it gives up the oldest telemetry, never a status or a result, and remembers what must be told of it.
    """

    def __init__(self, boot: int, *, shelf: Shelf, limits: Limits = Limits()) -> None:  # noqa: B008  frozen
        self.boot = boot
        self.counts = Counts()
        self.last_seq = 0
        self.newest_settled = 0
        """Place of the newest message that has left."""
        self._shelf = shelf
        self._limits = limits
        self._bases = shelf.bases | {boot: shelf.last_on_disk}
        self._losses = _decoded(shelf.kept(_LOSSES), Losses) or Losses()
        self._age_checked_ms = 0
        self._no_sample_up_to = 0
        self._untellable = False
        self._lose_the_damaged()
        self._end_of_the_last_boot()

    @property
    def last_order(self) -> int:
        """Place of the newest message."""
        return self._bases[self.boot] + self.last_seq

    def put(self, message: Message, ts_ms: int, *, dated: bool = True) -> Entry:
        """Number, keep and write. Raises `Refused` where the contract does not take it; no number is spent then.

        While nobody knows the date, `ts_ms` is a monotonic reading, and `dated` is False.
        """
        entry = numbered(message, Stamp(ts_ms, self.boot, self.last_seq + 1), order=self.last_order + 1, dated=dated)
        self.last_seq = entry.seq
        self._shelf.put(entry)
        self._make_room()
        self._shelf.keep(_NOW, msgspec.json.encode((self.boot, self.last_seq)))
        self._shelf.save()
        return entry

    def settle(self, receipt: Receipt) -> int:
        """Forget what a receipt says is stored or rejected; how many that were."""
        settled = self._take(receipt)
        self._drop_the_old(receipt.now_ms)
        self._shelf.save_soon()
        return settled

    def forget(self, order: int) -> None:
        """Call this one done (for backends that give no receipts)."""
        self.counts.stored += self._leave(self._shelf.between(order, order))
        self._shelf.save_soon()

    def give_up(self, order: int) -> None:
        """Never answered: it is not sent again, and told as lost."""
        self._lose(self._shelf.between(order, order))
        self._shelf.save()

    def pending(self, *, after: int = 0) -> Iterator[Entry]:
        """What may go out beyond the place `after`, in the order of writing."""
        return (entry for entry in self._shelf.read(after=after) if entry.dated)

    def held(self, orders: Collection[int]) -> set[int]:
        """Those of them that have not left yet."""
        if not orders:
            return set()
        if max(orders) - min(orders) > 4 * len(orders):
            return {order for order in orders if order in self}
        return {entry.order for entry in self._shelf.between(min(orders), max(orders))} & set(orders)

    def date(self, *, now_ms: int, monotonic_ms: int, started_ms: int) -> None:
        """The date is known: give one to all that has none; `started_ms` is this program's first monotonic reading."""
        if not self._shelf.undated:
            return
        offset_ms = now_ms - monotonic_ms
        held = self._shelf.read()
        dates = list(date_all(held, boot=self.boot, offset_ms=offset_ms, started_ms=started_ms + offset_ms))
        for undated, entry in dates:
            if entry is None:
                self._lose([undated])
            else:
                self._shelf.replace(undated, by=entry)
        self._shelf.undated = False
        self._shelf.save()

    def tell(self, status: Status, ts_ms: int) -> int:
        """Put what is lost and ended into messages of their own, beside `status`; how many that took.

        After an account was refused none is made before something is stored again, or it would go round for ever.
        """
        if self._untellable:
            return 0
        untold = max(len(self._losses.lost), len(self._losses.ended))
        messages = -(-untold // MAX_ACCOUNT_RANGES)
        for _ in range(messages):
            account = self._losses.take()
            self._keep_losses()
            self.put(replace(status, account=account), ts_ms)
        return messages

    def kept(self, name: str) -> bytes | None:
        """A small value of somebody else's, as it was at the start."""
        return self._shelf.kept(name)

    def keep(self, name: str, value: bytes) -> None:
        """Write it before anything else happens."""
        self._shelf.keep(name, value)
        self._shelf.save()

    def close(self) -> None:
        self._shelf.close()

    def __contains__(self, order: int) -> bool:
        return bool(self._shelf.between(order, order))

    def __len__(self) -> int:
        return self._shelf.count

    def _take(self, receipt: Receipt) -> int:
        base = self._bases.get(receipt.boot)
        if base is None:
            return 0
        stored = rejected = 0
        for first, last in receipt.stored:
            stored += self._leave(self._of_boot(receipt.boot, base + first, base + last))
        for first, last, reason in receipt.rejected:
            refused = self._of_boot(receipt.boot, base + first, base + last)
            self._refused(refused, reason)
            rejected += self._leave(refused)
        self._untellable = self._untellable and not stored
        self.counts.stored += stored
        self.counts.rejected += rejected
        return stored + rejected

    def _end_of_the_last_boot(self) -> None:
        """It ended with the number that it had drawn last; from here on its end is remembered as untold."""
        before = _decoded(self._shelf.kept(_NOW), tuple[int, int])
        if before is not None:
            self._losses.ended.append(before)
        self._shelf.keep(_NOW, msgspec.json.encode((self.boot, 0)))
        self._keep_losses()
        self._shelf.save()

    def _keep_losses(self) -> None:
        """Written with the next `save`: what an account has taken, together with that account."""
        self._shelf.keep(_LOSSES, msgspec.json.encode(self._losses))

    def _of_boot(self, boot: int, first: int, last: int) -> list[Entry]:
        """A range may be as wide as a broken sender likes: it never reaches another boot's messages."""
        return [entry for entry in self._shelf.between(first, last) if entry.boot == boot]

    def _leave(self, entries: list[Entry]) -> int:
        self._shelf.drop(entries)
        self.newest_settled = max([self.newest_settled, *(entry.order for entry in entries)])
        return len(entries)

    def _refused(self, entries: list[Entry], reason: str) -> None:
        for entry in entries:
            self._shelf.reject(entry, reason)
            account = _account_in(entry)
            if account is not None:
                self._losses.give_back(account)
                self._keep_losses()
                self._untellable = True

    def _lose(self, entries: Iterable[Entry]) -> int:
        gone = list(entries)
        if gone:
            self._shelf.drop(gone)
            self._losses.add((entry.boot, entry.seq) for entry in gone)
            self.counts.given_up += len(gone)
            self._keep_losses()
        return len(gone)

    def _lose_the_damaged(self) -> None:
        """One bit that has turned over costs one message, and not the program's start."""
        damaged = self._shelf.damaged()
        if damaged:
            _log.error("%s messages of the outbox are damaged and given up", len(damaged))
            self._lose(damaged)

    def _make_room(self) -> None:
        limits, shelf = self._limits, self._shelf
        most = limits.messages
        while shelf.count > most or shelf.size > limits.size_bytes:
            if not self._lose_samples(max(most // _BATCHES, shelf.count - most)):
                break
        if shelf.failing and shelf.unwritten > limits.unwritten:
            self._lose_samples(limits.unwritten // _BATCHES, after=shelf.last_on_disk)

    def _lose_samples(self, wanted: int, *, after: int = 0) -> int:
        """The oldest ones. Below the last that went so there are none any more: what is kept is not read again."""
        start = max(after, self._no_sample_up_to)
        samples = (entry for entry in self._shelf.read(after=start) if entry.channel is Channel.TELEMETRY)
        gone = list(islice(samples, max(1, wanted)))
        if gone and not after:
            self._no_sample_up_to = gone[-1].order
        return self._lose(gone)

    def _drop_the_old(self, now_ms: int) -> None:
        """Once an hour: what the backend would not take any more, by its own clock.

        Ours may have stepped by months; until the backend is heard again, number and size are bound enough.
        """
        if now_ms < self._age_checked_ms + HOUR_MS:
            return
        self._age_checked_ms = now_ms
        oldest_ms = now_ms - self._limits.age_ms
        first = next(self.pending(), None)
        if first is not None and first.ts_ms < oldest_ms:
            self._lose(
                entry for entry in self.pending() if entry.channel is Channel.TELEMETRY and entry.ts_ms < oldest_ms
            )


class MemoryOutbox(Outbox):
    """Lives as long as the program."""

    def __init__(self, boot: int, *, limit: int = DEFAULT_LIMIT) -> None:
        super().__init__(boot, shelf=Shelf(None), limits=Limits(messages=limit, unwritten=limit))


def _account_in(entry: Entry) -> LossAccount | None:
    """What is not even readable is told of by nobody's account."""
    with suppress(Refused):
        message = message_of(entry.channel, entry.payload)
        return message.account if isinstance(message, Status) else None
    return None


def _decoded(value: bytes | None, kind: type[T]) -> T | None:
    try:
        return None if value is None else msgspec.json.decode(value, type=kind)
    except UNREADABLE:
        _log.exception("the outbox's own notes are damaged: an earlier loss may stay untold")
        return None
