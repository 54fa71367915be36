"""The fleet's feed: opened for whoever is signed in, closed with the login."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import flet as ft

from sunsweep.app.live.feeds import FleetFeed
from sunsweep.app.live.fleet import Fleet
from sunsweep.app.net.server import Server
from sunsweep.app.net.stream import Link

if TYPE_CHECKING:
    from concurrent.futures import Future

TICK_S: Final = 5
"""Ages are told in these steps: few distinct texts, and few drawings."""


@dataclass(eq=False)
class Connection(ft.Observable):
    """Whether what is shown is live."""

    link: Link = Link.CONNECTING

    def tell(self, link: Link) -> None:
        self.link = link


@dataclass(eq=False)
class Ticks(ft.Observable):
    """The passing of time, for what shows ages."""

    count: int = 0

    def tick(self) -> None:
        self.count += 1


class Feeding:
    """The company that is looked at, kept up to date."""

    def __init__(self, page: ft.Page, server: Server) -> None:
        self.connection = Connection()
        self.ticks = Ticks()
        self.fleet = Fleet(server.clock)
        self._feed: FleetFeed | None = None
        self._page = page
        self._server = server
        self._running: list[Future[Any]] = []

    @property
    def is_complete(self) -> bool:
        """Whether the whole list has been read once."""
        return self._feed is not None and self._feed.is_complete

    def open(self) -> None:
        """Begin anew, with an empty fleet."""
        self.close()
        self.fleet = Fleet(self._server.clock)
        self._feed = FleetFeed(self._server, self.fleet, on_link=self.connection.tell)
        self._running = [self._page.run_task(self._feed.run), self._page.run_task(self._tick)]

    def refresh(self) -> None:
        """Read the list again, soon: a machine was added or changed here."""
        if self._feed is not None:
            self._feed.refresh()

    def close(self) -> None:
        """Nothing comes any more."""
        for running in self._running:
            running.cancel()
        self._running.clear()
        self._feed = None
        self.fleet.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.ticks.tick()
