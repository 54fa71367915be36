"""One machine's page kept up to date by a real server, through a network that fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sunsweep.app.live.feeds import MachineFeed
from sunsweep.app.net.stream import Link
from tests.app.net.clients import ADMIN, Client, window
from tests.server.viewers import say
from tests.support.platform import Platform, eventually
from tests.support.proxy import proxy_to

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Page:
    def __init__(self, client: Client, serial: str) -> None:
        self.links: list[Link] = []
        self.changes = 0
        self.frames: list[dict[str, Any]] = []
        self.feed = MachineFeed(
            client.server, serial, on_change=self._changed, on_link=self.links.append, on_frames=self.frames.extend
        )
        self.machine = self.feed.machine

    def _changed(self) -> None:
        self.changes += 1

    def battery(self) -> Any:
        found = self.machine.sample.get("battery")
        return None if found is None else found.value

    async def shows(self, battery: float, *, within_s: float = 10) -> None:
        async def is_shown() -> bool:
            return bool(self.battery() == battery)

        await eventually(is_shown, within_s=within_s)

    async def says(self, link: Link, *, within_s: float) -> None:
        async def is_said() -> bool:
            return self.feed.stream.link is link

        await eventually(is_said, within_s=within_s)

    @property
    def batteries(self) -> list[Any]:
        return [frame["data"]["battery"] for frame in self.frames if frame["type"] == "telemetry"]


@asynccontextmanager
async def watching(client: Client, serial: str) -> AsyncIterator[tuple[Page, asyncio.Task[int]]]:
    page = Page(client, serial)
    running = asyncio.create_task(page.feed.run())
    try:
        await page.says(Link.LIVE, within_s=10)
        yield page, running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_a_machine_says_is_shown_with_its_name(site: Platform) -> None:
    login = await site.add_machine("FEED-1")
    async with window(site) as client, watching(client, "FEED-1") as (page, _):
        await client.api.change_machine("FEED-1", {"name": "Row 9"})
        page.feed.refresh()
        await say(site, login, {"battery": 13.2, "extra": {"temp": 31}})
        await say(site, login, {"status": "Running", "area": 12.5}, "status")
        await page.shows(13.2)
        await eventually(lambda: _is(page.machine.status == "Running" and page.machine.name == "Row 9"))
        assert page.machine.sample["temp"].value == 31
        assert page.machine.run["area"].value == 12.5
        await eventually(lambda: _is(page.machine.presence == "online"))
        assert page.changes >= 1


async def test_a_command_given_elsewhere_is_known_by_its_name(site: Platform) -> None:
    await site.add_machine("FEED-2")
    async with window(site) as client, watching(client, "FEED-2") as (page, _):
        given = await client.api.give_command("FEED-2", "stop_cleaning", key="k1")
        await eventually(lambda: _is(given["id"] in page.machine.commands))
        page.feed.take_command(given)
        assert page.machine.open_stop is not None
        assert page.machine.open_stop.command == "stop_cleaning"
        await client.api.cancel_command("FEED-2", given["id"])
        await eventually(lambda: _is(page.machine.open_stop is None))


# How soon is proven in `test_stream`, in a time that no busy computer stretches.
async def test_a_silent_network_is_said_and_heals_with_nothing_missed(site: Platform) -> None:
    login = await site.add_machine("FEED-3")
    async with (
        proxy_to(site.settings.port) as proxy,
        window(site, port=proxy.port) as client,
        watching(client, "FEED-3") as (page, _),
    ):
        await say(site, login, {"battery": 1})
        await page.shows(1)
        proxy.go_silent()
        await page.says(Link.LOST, within_s=30)
        await say(site, login, {"battery": 2})
        await say(site, login, {"battery": 3})
        await asyncio.sleep(1)
        proxy.pass_again()
        await page.says(Link.LIVE, within_s=15)
        await page.shows(3, within_s=15)
        await eventually(lambda: _is(len(page.batteries) >= 3))
        assert page.batteries == [1, 2, 3]


async def test_a_restarted_server_heals_by_itself(site: Platform) -> None:
    login = await site.add_machine("FEED-4")
    async with window(site) as client, watching(client, "FEED-4") as (page, _):
        await site.stop_web()
        await page.says(Link.LOST, within_s=15)
        await site.start_web()
        await page.says(Link.LIVE, within_s=15)
        await say(site, login, {"battery": 4})
        await page.shows(4)


async def test_a_machine_that_is_not_there_ends_the_page(site: Platform) -> None:
    async with window(site) as client:
        page = Page(client, "NOBODY-1")
        async with asyncio.timeout(10):
            assert await page.feed.run() == 4403
        assert page.links == [Link.CONNECTING, Link.ENDED]


async def test_an_expired_token_is_renewed_under_an_open_page(site: Platform) -> None:
    await site.add_machine("FEED-5")
    async with window(site) as client:
        client.login._access = "bad"  # type: ignore[attr-defined]  # a token's
        async with watching(client, "FEED-5") as (page, _):
            assert page.links == [Link.CONNECTING, Link.LIVE]


async def test_a_login_that_was_ended_leads_to_the_login_page(site: Platform) -> None:
    await site.add_machine("FEED-6")
    async with window(site) as client, window(site) as other, watching(client, "FEED-6") as (page, running):
        await other.api.log_out()
        site.forget_token(ADMIN)
        async with asyncio.timeout(10):
            assert await running in {4401, 4408}
        assert page.feed.stream.link is Link.ENDED
        assert client.signed_out == 1


async def _is(found: bool) -> bool:  # noqa: FBT001
    return found
