"""A machine whose page is open: one socket of its own, and whoever shows a part of it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import flet as ft

from sunsweep.app.feeding import Connection
from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.live.feeds import MachineFeed
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.live.trail import Trail
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.stream import FORBIDDEN, Frame
from sunsweep.app.pages.machine.shelf import Shelf

if TYPE_CHECKING:
    from concurrent.futures import Future

EVERY_S: Final = 0.5
"""Texts change at most so often: each new one is laid out, and twice a second is what an eye follows."""
AGAIN_S: Final = 5.0
RUNS_OF: Final = timedelta(hours=1)

_Part = TypeVar("_Part")


class Watched:
    """What the parts of the page share; `use_part` has a component follow one part of it."""

    def __init__(self, model: Model, machine_id: str) -> None:
        self.machine_id = machine_id
        self.connection = Connection()
        self.trail = Trail()
        self.is_missing = False
        """There is no such machine, or it is another company's."""
        self.feed = MachineFeed(
            model.server,
            machine_id,
            on_change=self._changed,
            on_link=self.connection.tell,
            on_frames=self._take,
            every_s=EVERY_S,
        )
        self._model = model
        self._listeners: set[Callable[[], None]] = set()
        self.shelf = Shelf(model.api, machine_id, self.tell)
        self._running: list[Future[Any]] = []

    @property
    def machine(self) -> MachineNow:
        """What the fleet knows of it does until the page's own socket has spoken."""
        known = self.feed.machine
        return known if known.is_known else self._model.fleet.machines.get(self.machine_id, known)

    def open(self) -> None:
        page = self._model.page
        self._running = [page.run_task(self._follow), page.run_task(self._read_trail), page.run_task(self.shelf.read)]

    def close(self) -> None:
        for running in self._running:
            running.cancel()
        self._running.clear()
        self._listeners.clear()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Called after each change, at most every `EVERY_S`; the answer ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def take_command(self, command: dict[str, Any]) -> None:
        """The API's answer to what was done here."""
        self.shelf.book.take_rows([command])
        self.feed.take_command(command)

    def tell(self) -> None:
        """Something changed that came by no socket."""
        for listener in tuple(self._listeners):
            listener()

    def _changed(self) -> None:
        self.shelf.book.take_now(self.feed.machine.commands.values())
        self.tell()

    def _take(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self.trail.take_frame(frame)

    async def _follow(self) -> None:
        if await self.feed.run() == FORBIDDEN:
            self.is_missing = True
            self.tell()

    async def _read_trail(self) -> None:
        """The hour before the page was opened."""
        begin = datetime.fromtimestamp(self._model.server.clock.now_s(), UTC) - RUNS_OF
        while True:
            try:
                found = await self._model.api.telemetry(self.machine_id, from_=begin.isoformat())
            except Refused:
                return
            except Away:
                await asyncio.sleep(AGAIN_S)
                continue
            self.trail.take_rows(found["items"])
            self.tell()
            return


class _Held:
    """A component's listening, over its drawings."""

    def __init__(self) -> None:
        self.shown: Any = None
        self.select: Callable[[], Any] = lambda: None
        self.end: Callable[[], None] = lambda: None

    def close(self) -> None:
        self.end()


def use_part(watched: Watched, select: Callable[[], _Part]) -> _Part:
    """Draw the component again when the part that it shows is another one, by `==`; time passing counts too."""
    watch(use_model().feeding.ticks)
    return use_lasting(watched, select)


def use_lasting(watched: Watched, select: Callable[[], _Part]) -> _Part:
    """As `use_part`, for what does not change by time alone."""
    redraw = use_redraw()
    held = use_made(_Held)
    held.select = select
    held.shown = select()

    def told() -> None:
        if held.select() != held.shown:
            redraw()

    def begin() -> None:
        held.end = watched.listen(told)
        told()

    ft.use_effect(begin, [], held.close)
    found: _Part = held.shown
    return found
