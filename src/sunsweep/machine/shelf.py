"""What the outbox holds, in order: on disk, and in memory what the disk does not have yet."""

import logging
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final

from sunsweep.machine.disk import Changes, CorruptError, Disk, DiskError, Rejection
from sunsweep.machine.entry import Entry

MOST_UNWRITTEN: Final = 1000
_CHUNK: Final = 100
_LONGEST_PAUSE: Final = 32
_log = logging.getLogger(__name__)


class Shelf:
    """Without a disk, or with one that takes nothing, it works in memory; the disk is then tried ever more rarely."""

    def __init__(self, disk: Disk | None) -> None:
        self._disk = disk
        self._fresh: dict[int, Entry] = {}
        self._changed: dict[int, Entry | None] = {}
        self._kept: dict[str, bytes] = {}
        self._rejected: list[Rejection] = []
        self._pause = self._skipped = 0
        self.count, self.size, self.last_on_disk = disk.totals() if disk else (0, 0, 0)
        self.bases = disk.bases() if disk else {}
        """By boot: place minus number, the same for all of a boot's messages."""
        self.undated = disk.has_undated() if disk else False

    def damaged(self) -> list[Entry]:
        """What is there and cannot be read."""
        return self._disk.damaged() if self._disk else []

    @property
    def unwritten(self) -> int:
        """Messages that would not survive a loss of power."""
        return len(self._fresh)

    @property
    def failing(self) -> bool:
        return self._disk is None or self._pause > 0

    def put(self, entry: Entry) -> None:
        """A new one, after all others."""
        self.undated = self.undated or not entry.dated
        self._fresh[entry.order] = entry
        self.count += 1
        self.size += len(entry.payload)

    def replace(self, entry: Entry, by: Entry) -> None:
        """The same message with other bytes."""
        self.size += len(by.payload) - len(entry.payload)
        if entry.order in self._fresh:
            self._fresh[entry.order] = by
        else:
            self._changed[entry.order] = by

    def drop(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.count -= 1
            self.size -= len(entry.payload)
            if self._fresh.pop(entry.order, None) is None:
                self._changed[entry.order] = None

    def reject(self, entry: Entry, reason: str) -> None:
        """Kept apart; where there is no disk, nobody looks."""
        if self._disk is not None:
            self._rejected.append(Rejection(entry.boot, entry.seq, entry.channel, entry.payload, reason))
            del self._rejected[:-MOST_UNWRITTEN]

    def kept(self, name: str) -> bytes | None:
        """A small value from the last start."""
        return None if self._disk is None else self._disk.kept(name)

    def keep(self, name: str, value: bytes) -> None:
        if self._disk is not None:
            self._kept[name] = value

    def read(self, *, after: int = 0) -> Iterator[Entry]:
        """In order, beyond `after`; nothing may be changed until the caller has what it wants."""
        if self._disk is not None and after < self.last_on_disk:
            yield from self._read_disk(self._disk, after)
        if next(iter(self._fresh), after + 1) > after:
            yield from self._fresh.values()
        else:
            yield from list(takewhile(lambda entry: entry.order > after, reversed(self._fresh.values())))[::-1]

    def between(self, first: int, last: int) -> list[Entry]:
        """What is held from `first` to `last`, however wide that is."""
        found: list[Entry] = []
        if self._disk is not None and first <= self.last_on_disk:
            found += takewhile(lambda entry: entry.order <= last, self._read_disk(self._disk, first - 1))
        if last - first < len(self._fresh):
            places = range(max(first, self.last_on_disk + 1), last + 1)
            return found + [self._fresh[place] for place in places if place in self._fresh]
        return found + [entry for entry in self._fresh.values() if first <= entry.order <= last]

    def save_soon(self) -> None:
        """With the next `save`: forgetting what is settled can wait, for its loss only costs a repetition."""
        if len(self._changed) >= MOST_UNWRITTEN:
            self.save()

    def save(self) -> None:
        """Write everything that the disk does not have."""
        if self._disk is None or self._pausing():
            return
        last = next(reversed(self._fresh), self.last_on_disk)
        try:
            self._disk.save(Changes({**self._changed, **self._fresh}, self._rejected, self._kept))
        except DiskError as error:
            self._trouble(error)
            return
        if self._pause:
            _log.warning("the outbox can be written again")
        self.last_on_disk = last
        self._pause = 0
        self._fresh, self._changed, self._kept, self._rejected = {}, {}, {}, []

    def close(self) -> None:
        """Write what there is, and let go of the file."""
        self._skipped = -1  # a pause is over
        self.save()
        if self._disk is not None:
            if self._fresh:
                _log.error("the last %d messages could not be written, and end with the program", len(self._fresh))
            self._disk.close()
            self._disk = None

    def _read_disk(self, disk: Disk, after: int) -> Iterator[Entry]:
        while rows := self._rows(disk, after):
            for row in rows:
                entry = self._changed.get(row.order, row)
                if entry is not None:
                    yield entry
            after = rows[-1].order

    def _rows(self, disk: Disk, after: int) -> list[Entry]:
        try:
            return disk.read(after=after, limit=_CHUNK)
        except DiskError as error:
            self._trouble(error)
            return []

    def _pausing(self) -> bool:
        self._skipped = (self._skipped + 1) % max(1, self._pause)
        return self._skipped != 0

    def _trouble(self, error: DiskError) -> None:
        """Said once. A damaged file is not touched again; the next start moves it aside."""
        if not self._pause:
            _log.error("the outbox cannot be written: %s. Messages are kept in memory meanwhile", error)
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or 1)
        if isinstance(error, CorruptError) and self._disk is not None:
            self._disk.close()
            self._disk = None
            self._changed.clear()
            self.count, self.size = len(self._fresh), sum(len(entry.payload) for entry in self._fresh.values())
