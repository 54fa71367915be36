"""The overview kept up to date by a real server, through a network that fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.live.feeds import FleetFeed
from sunsweep.app.live.fleet import Change, Fleet
from sunsweep.app.net.api import new_key
from sunsweep.app.net.stream import Link
from tests.app.net.clients import ROOT, Client, window
from tests.server.viewers import say
from tests.support.platform import Platform, eventually
from tests.support.proxy import proxy_to

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Overview:
    def __init__(self, client: Client) -> None:
        self.links: list[Link] = []
        self.changes: list[Change] = []
        self.fleet = Fleet(client.session.clock, every_s=0.05)
        self.fleet.listen(self.changes.append)
        self.feed = FleetFeed(client.server, self.fleet, on_link=self.links.append)

    def state(self, serial: str) -> AttentionState | None:
        found = self.fleet.attention.get(serial)
        return None if found is None else found.state

    async def shows(self, serial: str, state: AttentionState | None, *, within_s: float = 10) -> None:
        async def is_shown() -> bool:
            return self.state(serial) is state

        await eventually(is_shown, within_s=within_s)

    async def says(self, link: Link, *, within_s: float) -> None:
        async def is_said() -> bool:
            return self.feed.stream.link is link

        await eventually(is_said, within_s=within_s)


@asynccontextmanager
async def watching(client: Client) -> AsyncIterator[Overview]:
    page = Overview(client)
    running = asyncio.create_task(page.feed.run())

    async def complete() -> bool:
        return page.feed.is_complete

    try:
        await page.says(Link.LIVE, within_s=10)
        await eventually(complete)
        yield page
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        page.fleet.close()


async def test_a_fleet_as_it_lives(site: Platform) -> None:
    login = await site.add_machine("FLEET-1")
    await site.add_machine("FLEET-2")
    async with window(site) as client, watching(client) as page:
        assert page.fleet.order == ["FLEET-1", "FLEET-2"]
        await say(site, login, {"status": "Running"}, "status")
        await page.shows("FLEET-1", AttentionState.WORKING)
        assert page.state("FLEET-2") is AttentionState.OFFLINE
        assert page.fleet.needed == 0
        await say(site, login, {"battery": 11.9, "water": 60})
        await page.shows("FLEET-1", AttentionState.LOW)
        assert page.fleet.attention["FLEET-1"].battery_v == 11.9
        assert page.fleet.needed == 1
        await client.api.add_machine({"machine_id": "FLEET-0", "name": "Late"})
        await page.shows("FLEET-0", AttentionState.OFFLINE)
        # It comes last: nothing moves under somebody's finger.
        assert page.fleet.order == ["FLEET-1", "FLEET-2", "FLEET-0"]

        async def named() -> bool:
            return page.fleet.machines["FLEET-0"].name == "Late"

        await eventually(named)
        await client.api.archive_machine("FLEET-0")
        await page.shows("FLEET-0", None)
        assert page.fleet.order == ["FLEET-1", "FLEET-2"]
        assert any(change.order for change in page.changes)


async def test_a_stop_that_nobody_confirms_is_seen_by_whoever_looks(site: Platform) -> None:
    await site.add_machine("STOP-1")
    async with window(site) as client, watching(client) as page:
        given = await client.api.give_command("STOP-1", "stop_cleaning", key=new_key())
        page.fleet.take_command(given)
        await page.shows("STOP-1", AttentionState.STOP_UNCONFIRMED)
        found = page.fleet.attention["STOP-1"]
        assert (found.command, found.command_state, found.needed) == ("stop_cleaning", "queued", True)
        await client.api.cancel_command("STOP-1", given["id"])
        await page.shows("STOP-1", AttentionState.OFFLINE)


async def test_an_outage_heals_with_the_newest_of_everything(site: Platform) -> None:
    login = await site.add_machine("HEAL-1")
    await site.add_machine("HEAL-2")
    async with (
        proxy_to(site.settings.port) as proxy,
        window(site, port=proxy.port) as client,
        watching(client) as page,
    ):
        await say(site, login, {"status": "Idle"}, "status")
        await page.shows("HEAL-1", AttentionState.IDLE)
        proxy.go_silent()
        await page.says(Link.LOST, within_s=30)
        await say(site, login, {"status": "Fault"}, "status")
        await site.call("DELETE", "/machines/HEAL-2")
        await asyncio.sleep(1)
        assert page.state("HEAL-1") is AttentionState.IDLE
        proxy.pass_again()
        await page.says(Link.LIVE, within_s=15)
        await page.shows("HEAL-1", AttentionState.FAULT, within_s=15)
        await page.shows("HEAL-2", None)


async def test_a_platform_admin_watches_the_company_that_he_looks_at(site: Platform) -> None:
    await site.add_machine("OTHER-1", company_id=2)
    async with window(site, ROOT) as client:
        client.api.company_id = 2
        async with watching(client) as page:
            assert page.fleet.order == ["OTHER-1"]
            assert page.links == [Link.CONNECTING, Link.LIVE]
