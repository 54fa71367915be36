"""Bare machines: what their statuses prove of the commands that were sent to them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from msgspec import Struct

from sunsweep.contract.codec import decode_status
from sunsweep.contract.commands import is_stop_like
from sunsweep.contract.payloads import Status
from sunsweep.contract.refusal import Refused
from sunsweep.server.dispatch.repository import Item, Target
from sunsweep.server.features.catalogue.effects import Effects, plain

READ_BACK_MS: Final = 600_000
"""For so long after its sending a status still counts as the answer to a start."""


class Proof(NamedTuple):
    """A status proves a command; the reason in words."""

    command_id: str
    reason: str


class _Awaited(Struct):
    """A command that was sent, or is being sent; `before` is the status that a change is measured by."""

    command_id: str
    command: str
    effects: Effects
    before: str | None
    since_ms: int
    until_ms: int
    sent: bool = False
    proved_by: str | None = None


class _Overheard(Struct):
    """What a machine has said since the database was asked about it."""

    since_ms: int
    status: str | None = None


class ReadBack:
    """Hears the statuses of machines that have something to prove, and no others."""

    def __init__(self) -> None:
        self._awaited: dict[Target, dict[str, _Awaited]] = {}
        self._listening: dict[Target, _Overheard] = {}
        self._proved: list[Proof] = []

    @property
    def proved(self) -> bool:
        """Whether there are proofs to be told."""
        return bool(self._proved)

    @property
    def awaited(self) -> set[str]:
        """Ids of the commands that a status may prove."""
        return {command_id for of_machine in self._awaited.values() for command_id in of_machine}

    @contextmanager
    def listening(self, targets: Collection[Target], *, now_ms: int) -> Iterator[None]:
        """Note the statuses of these machines from before the database is asked: one may come in between."""
        for target in targets:
            self._listening.setdefault(target, _Overheard(now_ms))
        try:
            yield
        finally:
            for target in targets:
                self._listening.pop(target, None)

    def expect(self, item: Item, *, now_ms: int) -> None:
        """It is about to be published: from now on a status may prove it."""
        known = item.status.status if item.status is not None else None
        overheard = self._listening.get(item.target)
        before = overheard.status if overheard is not None and overheard.status is not None else known
        self._await(item, before, since_ms=now_ms, now_ms=now_ms, sent=False)

    def adopt(self, item: Item, *, now_ms: int) -> None:
        """Another process has published it, or this one before it was started again."""
        if item.row.id in self._awaited.get(item.target, ()):
            return
        row, status = item.row, item.status
        sent_ms = row.sent_at or 0
        before = status.status if status and (status.status_at or 0) < sent_ms else None
        self._await(item, before, since_ms=sent_ms, now_ms=now_ms, sent=True)

    def _await(self, item: Item, before: str | None, *, since_ms: int, now_ms: int, sent: bool) -> None:
        row, until_ms = item.row, now_ms + READ_BACK_MS
        awaited = _Awaited(row.id, row.command, item.effects, before, since_ms, until_ms, sent)
        self._awaited.setdefault(item.target, {})[row.id] = awaited

    def sent(self, item: Item) -> None:
        """It was published; a status may have been faster than the broker's answer."""
        awaited = self._awaited.get(item.target, {}).get(item.row.id)
        if awaited is not None:
            awaited.sent = True
            self._look_at(item.target, awaited)

    def drop(self, target: Target, command_id: str) -> None:
        """Nothing is expected of it any more."""
        of_machine = self._awaited.get(target, {})
        of_machine.pop(command_id, None)
        if not of_machine:
            self._awaited.pop(target, None)

    def forget(self, open_stops: Collection[str], *, now_ms: int) -> None:
        """Drop the starts that have waited too long, and the stops that are open no more."""
        for target, of_machine in list(self._awaited.items()):
            for one in list(of_machine.values()):
                stop = is_stop_like(one.command)
                if one.sent and (one.command_id not in open_stops if stop else one.until_ms < now_ms):
                    self.drop(target, one.command_id)

    def heard(self, target: Target, payload: bytes) -> None:
        """A live status of a machine."""
        if target not in self._awaited and target not in self._listening:
            return
        try:
            status = decode_status(payload)
        except Refused:
            return
        # Who names a session answers with results, and only they count.
        if status.session is not None or plain(status.status) is None:
            return
        overheard = self._listening.get(target)
        if overheard is not None and not _is_older(status, overheard.since_ms):
            overheard.status = status.status
        for awaited in list(self._awaited.get(target, {}).values()):
            if not _is_older(status, awaited.since_ms):
                _take(awaited, status.status)
                self._look_at(target, awaited)

    def proofs(self) -> list[Proof]:
        """Commands that are proved; each is told once."""
        found, self._proved = self._proved, []
        return found

    def _look_at(self, target: Target, awaited: _Awaited) -> None:
        if awaited.sent and awaited.proved_by is not None:
            self._proved.append(Proof(awaited.command_id, _in_words(awaited)))
            self.drop(target, awaited.command_id)


def _is_older(status: Status, since_ms: int) -> bool:
    """A state that the machine itself dates from before: its buffer may deliver it long after."""
    return status.stamp.ts_ms is not None and status.stamp.ts_ms < since_ms


def _take(awaited: _Awaited, status: str | None) -> None:
    """The next status is measured by this one."""
    if awaited.proved_by is None and awaited.effects.proves(awaited.command, status=status, before=awaited.before):
        awaited.proved_by = status
    awaited.before = status


def _in_words(awaited: _Awaited) -> str:
    verb = "is" if is_stop_like(awaited.command) else "became"
    return f'its status {verb} "{awaited.proved_by}"'
