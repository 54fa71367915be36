"""What the parts of the fleet's page share: the list, and which of them is to be drawn when."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import flet as ft

from sunsweep.app.feeding import Ticks
from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.live.fleet import Change
from sunsweep.app.model import Model, use_model
from sunsweep.app.pages.fleet.overview import Overview
from sunsweep.app.pages.fleet.wish import Wish, wish_of

if TYPE_CHECKING:
    from collections.abc import Callable

TYPED_S: Final = 0.7
"""Until what was typed is in the address: each time is a step of the browser's way back."""


class Board:
    """One for each showing of the page. `rows`, `counts` and `search` say that these are to be drawn again."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.rows = Ticks()
        self.counts = Ticks()
        self.overview = Overview(model.fleet, wish_of(model.page.route or "/"), is_complete=model.feeding.is_complete)
        self.typed = self.overview.wish.q
        """What stands in the search field."""
        self.given = 0
        """How often something was put there that nobody typed there."""
        self.end: Callable[[], None] = lambda: None
        self._sent = self.typed
        self._typing: asyncio.TimerHandle | None = None

    @property
    def wish(self) -> Wish:
        return self.overview.wish

    def open(self) -> None:
        """Follow the fleet."""
        self.end = self.model.fleet.listen(self._told)
        self.overview.sort_again()
        self.rows.tick()
        self.counts.tick()

    def close(self) -> None:
        """Follow nothing any more."""
        self.end()
        self._type_no_more()

    def follow_address(self) -> None:
        """The address has changed: by one of our own doings, or by somebody who came from elsewhere."""
        wish = wish_of(self.model.page.route or "/")
        if wish.q == self._sent:
            # Somebody may have typed on since it was sent.
            wish = replace(wish, q=self.typed)
        else:
            self._give(wish.q)
        self.overview.choose(wish)

    def go(self, wish: Wish) -> None:
        """Show that, and say it in the address."""
        self._give(wish.q)
        if self.overview.choose(wish):
            self.rows.tick()
        self.model.go(wish.address())

    def type(self, text: str) -> None:
        """Shown at once; in the address when the typing pauses."""
        self._type_no_more()
        self.typed = text
        if self.overview.choose(replace(self.wish, q=text, page=1)):
            self.rows.tick()
        self._typing = asyncio.get_running_loop().call_later(TYPED_S, self._say_typed)

    def sort_again(self) -> None:
        self.overview.sort_again()
        self.rows.tick()
        self.counts.tick()

    def _give(self, q: str) -> None:
        self._type_no_more()
        self._sent = q
        if q != self.typed:
            self.typed = q
            self.given += 1

    def _say_typed(self) -> None:
        self._typing = None
        self.go(self.wish)

    def _type_no_more(self) -> None:
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None

    def _told(self, change: Change) -> None:
        news = self.overview.told(change, is_complete=self.model.feeding.is_complete)
        if news.rows:
            self.rows.tick()
        if news.counts:
            self.counts.tick()


def use_board() -> Board:
    """The board of this showing of the page; in its outermost component only."""
    model = use_model()
    held = use_made(lambda: Board(model))
    ft.use_effect(held.open, [], held.close)
    held.follow_address()
    return held


async def focus(field: ft.Ref[ft.TextField]) -> None:
    """Put the cursor into a field; one that is not there any more is passed over."""
    if field.current is not None:
        with suppress(RuntimeError):
            await field.current.focus()  # type: ignore[no-untyped-call]  # it has no types
