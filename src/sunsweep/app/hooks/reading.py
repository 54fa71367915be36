"""What a page reads from the server, and reads again while it is looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import flet as ft

from sunsweep.app.hooks.tasks import use_running
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Reread(Generic[_Read]):
    """The newest that was read, None before the first; `trouble`: why the last try failed, in words."""

    value: _Read | None
    trouble: str
    again: Callable[[], None]


def use_reread(read: Callable[[], Awaitable[_Read]], *, every_s: float, of: Sequence[Hashable]) -> Reread[_Read]:
    """Read at once, every `every_s` seconds, and anew when `of` changes; what was read stays when a later try fails."""
    # Values and not callables are kept, and a value may be of any kind: a list says what is meant.
    value, set_value = ft.use_state(list[_Read]())
    trouble, set_trouble = ft.use_state("")

    async def follow() -> None:
        while True:
            try:
                set_value([await read()])
                set_trouble("")
            except (Refused, Away) as why:
                set_trouble(in_words(why))
            await asyncio.sleep(every_s)

    again = use_running(follow, of)
    return Reread(value[0] if value else None, trouble, again)
