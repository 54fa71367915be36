"""So many open pages without their pictures: each has a login, the fleet's socket and a machine's, and reads its rows.

`python bench/pages.py URL EMAIL PASSWORD PAGES SERIAL…` prints `open` once all are live, and stays until it is ended.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

from sunsweep.app.live.feeds import FleetFeed, MachineFeed
from sunsweep.app.live.fleet import Fleet
from sunsweep.app.net.server import server
from sunsweep.app.net.stream import Link


class Page:
    def __init__(self) -> None:
        self.links: dict[str, Link] = {}

    @property
    def is_live(self) -> bool:
        return len(self.links) == 2 and set(self.links.values()) == {Link.LIVE}

    async def open(self, stack: AsyncExitStack, url: str, email: str, password: str, serial: str) -> None:
        found = await stack.enter_async_context(server(url, trust_env=False))
        await found.api.log_in(email, password)
        fleet = FleetFeed(found, Fleet(found.clock), on_link=lambda link: self.links.update(fleet=link))
        machine = MachineFeed(
            found, serial, on_change=lambda: None, on_link=lambda link: self.links.update(machine=link)
        )
        for feed in (fleet, machine):
            running = asyncio.create_task(feed.run())
            stack.callback(running.cancel)


async def run(url: str, email: str, password: str, count: int, serials: list[str]) -> None:
    async with AsyncExitStack() as stack:
        pages = [Page() for _ in range(count)]
        for number, page in enumerate(pages):
            await page.open(stack, url, email, password, serials[number % len(serials)])
        while not all(page.is_live for page in pages):
            await asyncio.sleep(0.1)
        print("open", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:]))
