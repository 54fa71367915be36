"""What a person does is done once: the second half of a double click, or a click while it is under way, is none."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sunsweep.app.hooks.keeping import use_made, use_redraw

RESTS_S: Final = 0.5
"""After an act: as long as the second half of a double click may take to arrive."""

Act = Callable[[], Awaitable[None]]


class Once:
    """One button's act, over the drawings of its component."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.is_under_way = False
        self._rests_until_s = 0.0

    async def do(self, act: Act) -> None:
        """Nothing where it is under way, or was done a moment ago."""
        if self.is_under_way or self._monotonic() < self._rests_until_s:
            return
        self.is_under_way = True
        try:
            await act()
        finally:
            self.is_under_way = False
            self._rests_until_s = self._monotonic() + RESTS_S


@dataclass(frozen=True, slots=True)
class Handler:
    """An act as a handler, and whether it waits for the server now."""

    do: Act
    is_under_way: bool


def use_once(act: Act) -> Handler:
    """For whatever gives a command, makes a thing or changes one; the component is drawn at its begin and end."""
    once = use_made(Once)
    draw = use_redraw()

    async def begun() -> None:
        draw()
        await act()

    async def do() -> None:
        await once.do(begun)
        draw()

    return Handler(do, once.is_under_way)
