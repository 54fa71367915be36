"""What a page reads from the server, and reads again while it is looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import flet as ft

from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

if TYPE_CHECKING:
    from concurrent.futures import Future

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Reread(Generic[_Read]):
    """The newest that was read, None before the first; `trouble`: why the last try failed, in words."""

    value: _Read | None
    trouble: str
    again: Callable[[], None]


@dataclass
class _Kept:
    """Over the drawings of a component."""

    running: "list[Future[Any]]" = field(default_factory=list)


def use_reread(read: Callable[[], Awaitable[_Read]], *, every_s: float, of: list[Hashable]) -> Reread[_Read]:
    """Read at once, every `every_s` seconds, and anew when `of` changes; what was read stays when a later try fails."""
    page = use_model().page
    # Values and not callables are kept, and a value may be of any kind: a list says what is meant.
    value, set_value = ft.use_state(list[_Read]())
    trouble, set_trouble = ft.use_state("")
    kept, _set_kept = ft.use_state(_Kept())

    async def follow() -> None:
        while True:
            try:
                set_value([await read()])
                set_trouble("")
            except (Refused, Away) as why:
                set_trouble(in_words(why))
            await asyncio.sleep(every_s)

    def stop() -> None:
        for running in kept.running:
            running.cancel()
        kept.running.clear()

    def begin() -> None:
        stop()
        kept.running.append(page.run_task(follow))

    ft.use_effect(begin, of, stop)
    return Reread(value[0] if value else None, trouble, begin)
