"""Commands as lists of them show them: read once, then kept by what the machines' frames say. No controls in here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import flet as ft

from sunsweep.app.figures.times import instant, instant_of
from sunsweep.app.live.command_now import CommandNow, newer
from sunsweep.contract.commands import ENDED, CommandState

Json = Mapping[str, Any]

UNDER_WAY: Final = (CommandState.QUEUED, CommandState.SENT, CommandState.ACCEPTED, CommandState.RUNNING)
OVER: Final = tuple(state for state in CommandState if state not in UNDER_WAY)
_CLOSABLE: Final = frozenset({CommandState.ACCEPTED, CommandState.RUNNING, CommandState.UNCONFIRMED})
_CLOSED: Final = "closed by "


@dataclass(frozen=True, slots=True)
class Given:
    """A command as the API has it."""

    id: str
    machine_id: str
    command: str
    params: Json
    state: str
    reason: str
    is_open: bool
    """A stop that is not confirmed yet, and holds back starts."""
    issued_at: datetime
    by: str
    expires_at: datetime | None
    sends: int
    changed_at: datetime

    @property
    def may_cancel(self) -> bool:
        """It has not been sent yet."""
        return self.state == CommandState.QUEUED

    @property
    def may_close(self) -> bool:
        """A stop that somebody may say they have seen to: sent, and no word that it was done."""
        return self.is_open and self.state in _CLOSABLE

    @property
    def now(self) -> CommandNow:
        at_ms = int(self.changed_at.timestamp() * 1000)
        return CommandNow(self.id, self.command, self.state, at_ms, self.reason)

    def at(self, now: CommandNow) -> "Given":
        """As a later frame says; a stop that has ended, or that a person has seen to, holds nothing back any more."""
        if newer(self.now, now) == self.now:
            return self
        is_open = self.is_open and now.state not in ENDED and not now.reason.startswith(_CLOSED)
        changed_at = instant_of(now.at_ms)
        return replace(self, state=now.state, reason=now.reason, is_open=is_open, changed_at=changed_at)


def given(row: Json) -> Given:
    """From a row of `GET /commands`."""
    return Given(
        row["id"],
        row["machine_id"],
        row["command"],
        row["params"],
        row["state"],
        row["reason"],
        row["open"],
        instant(row["issued_at"]),
        row["issued_by_name"],
        instant(row["expires_at"]) if row["expires_at"] else None,
        row["sends"],
        instant(row["changed_at"]),
    )


@dataclass(eq=False)
class Item(ft.Observable):
    """One row of a list: drawn again when its command changes, and nothing else is."""

    given: Given
    is_unfolded: bool = False


class Book:
    """The commands of a page. What is under way stays in its place when it ends, until the page is opened again."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.under_way: tuple[str, ...] = ()
        self.past: tuple[str, ...] = ()
        self._newest = ""

    def take_under_way(self, rows: Iterable[Json]) -> None:
        """All that is open now, of however many questions."""
        found = {row["id"]: row for row in rows}
        for row in found.values():
            self._take(given(row))
        self.under_way = tuple(sorted({*self.under_way, *found}, reverse=True))

    def take_past(self, rows: Iterable[Json]) -> None:
        """A page of what is over, in place of the one before."""
        taken = [self._take(given(row)).given.id for row in rows]
        self.past = tuple(one for one in taken if one not in self.under_way)
        self.items = {one: self.items[one] for one in (*self.under_way, *self.past)}

    def follow(self, commands: Mapping[str, CommandNow]) -> bool:
        """Take what frames said of one machine's commands; whether the lists have to be read again."""
        is_news = False
        for command_id, now in commands.items():
            if item := self.items.get(command_id):
                item.given = item.given.at(now)
            elif command_id > self._newest:
                self._newest = command_id
                is_news = True
        return is_news

    def _take(self, told: Given) -> Item:
        self._newest = max(self._newest, told.id)
        item = self.items.setdefault(told.id, Item(told))
        # A row that was asked for before a frame came is older than it.
        if told.changed_at >= item.given.changed_at:
            item.given = told
        return item
