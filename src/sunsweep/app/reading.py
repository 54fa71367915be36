"""What a page reads from the API, and reads again when its address changes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import flet as ft

from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

if TYPE_CHECKING:
    from concurrent.futures import Future

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Reading(Generic[_Found]):
    """`found` is None until there is something, or `trouble` in words; `again` reads anew, the old stays meanwhile."""

    found: _Found | None
    trouble: str
    again: Callable[[], Awaitable[None]]


def use_reading(read: Callable[[], Awaitable[_Found]], asked: Sequence[Any]) -> Reading[_Found]:
    """Read at the first drawing, and whenever something in `asked` is another."""
    page = use_model().page
    draw = use_redraw()
    desk: _Desk[_Found] = use_made(_Desk)
    if desk.asked != list(asked):
        desk.asked, desk.found, desk.trouble = list(asked), None, ""

    async def load() -> None:
        desk.turn += 1
        turn = desk.turn
        try:
            found = await read()
        except (Refused, Away) as trouble:
            if turn == desk.turn:
                desk.trouble = in_words(trouble)
                draw()
            return
        if turn == desk.turn:
            desk.found, desk.trouble = found, ""
            draw()

    def begin() -> None:
        desk.running = page.run_task(load)

    def end() -> None:
        desk.turn += 1
        if desk.running is not None:
            desk.running.cancel()

    ft.use_effect(begin, list(asked), end)
    return Reading(desk.found, desk.trouble, load)


class _Desk(Generic[_Found]):
    """A component's reading, over its drawings; what an earlier turn brings too late is dropped."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.found: _Found | None = None
        self.trouble = ""
        self.turn = 0
        self.running: Future[None] | None = None
