"""What a component reads from the server: once, or again and again while it is looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.hooks.tasks import use_running
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Reading(Generic[_Found]):
    """`found` is None before the first time; `trouble`: why the last try failed, in words; `again` reads anew."""

    found: _Found | None
    trouble: str
    again: Callable[[], Awaitable[None]]


def use_reading(
    read: Callable[[], Awaitable[_Found]],
    of: Sequence[Hashable],
    *,
    every_s: float | None = None,
    is_kept: bool = False,
) -> Reading[_Found]:
    """Read at once, anew when `of` changes, and every `every_s` seconds where that is given.

    What was read stays when a later try fails; when `of` changes it is forgotten, unless `is_kept`.
    """
    redraw = use_redraw()
    desk: _Desk[_Found] = use_made(_Desk)
    if desk.of != tuple(of):
        desk.begin(tuple(of), is_kept=is_kept)

    async def load() -> None:
        desk.turn += 1
        turn = desk.turn
        found, trouble = desk.found, ""
        try:
            found = await read()
        except (Refused, Away) as why:
            trouble = in_words(why)
        # What an earlier turn brings too late is dropped.
        if turn == desk.turn:
            desk.found, desk.trouble = found, trouble
            redraw()

    async def follow() -> None:
        await load()
        while every_s is not None:
            await asyncio.sleep(every_s)
            await load()

    use_running(follow, of)
    return Reading(desk.found, desk.trouble, load)


class _Desk(Generic[_Found]):
    """A component's reading, over its drawings."""

    def __init__(self) -> None:
        self.of: tuple[Hashable, ...] | None = None
        self.found: _Found | None = None
        self.trouble = ""
        self.turn = 0

    def begin(self, of: tuple[Hashable, ...], *, is_kept: bool) -> None:
        """Something else is to be read; what is still on its way belongs to the old."""
        self.of, self.trouble = of, ""
        self.turn += 1
        if not is_kept:
            self.found = None
