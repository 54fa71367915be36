"""The fleet in a real browser: found, filtered, sorted, on the map, at a desk and on a phone."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.app.browser import Visitor
from tests.app.flutter import Flutter
from tests.support.command import Site
from tests.support.platform import eventually

ADMIN = "admin@example.com"
WITHIN_S = 60.0
HERE = {"lat": 37.45, "lon": -6.24}


@pytest.fixture
async def two_more(up: Site) -> AsyncIterator[None]:
    """Two machines that nobody ever connects; one has a position."""
    bearer = {"authorization": f"Bearer {await up.token(ADMIN)}"}
    async with httpx.AsyncClient(base_url=f"{up.url}/api/v1", headers=bearer) as api:
        for machine in (
            {"machine_id": "FLEET-1", "name": "Roof", "tags": ["north"], **HERE},
            {"machine_id": "FLEET-2", "name": "Yard", "tags": ["north", "old"]},
        ):
            (await api.post("/machines", json=machine)).raise_for_status()
        yield
        for machine_id in ("FLEET-1", "FLEET-2"):
            (await api.delete(f"/machines/{machine_id}")).raise_for_status()


async def listed(page: Flutter, machine_ids: set[str]) -> None:
    """Until exactly these are in the list."""

    async def are() -> bool:
        shown: list[str] = await page.page.evaluate(
            """[...document.querySelectorAll('[flt-semantics-identifier^="machine-"]')]
            .map(node => node.getAttribute("flt-semantics-identifier").slice("machine-".length))"""
        )
        return set(shown) == machine_ids

    await eventually(are, within_s=WITHIN_S)


async def at(page: Flutter, address: str) -> None:
    """Until the browser's bar says so."""

    async def is_at() -> bool:
        url = urlsplit(page.page.url)
        return (url.path + (f"?{url.query}" if url.query else "")) == address

    await eventually(is_at, within_s=WITHIN_S)


@pytest.mark.prove
async def test_an_operator_finds_a_machine(visitor: Visitor, up: Site, two_more: None) -> None:
    page = await visitor.open("/app/?show=offline&tag=north")
    await page.sign_in(ADMIN, up.passwords()[ADMIN])

    # The address outlives the login, and filters.
    await listed(page, {"FLEET-1", "FLEET-2"})
    await at(page, "/app/?show=offline&tag=north")
    await page.click("show-all")
    await at(page, "/app/?tag=north")

    # The key of the search, serial, name and tag.
    await page.page.keyboard.press("/")

    async def has_cursor() -> bool:
        return bool((await page.find("fleet-search"))["focused"])

    await eventually(has_cursor, within_s=WITHIN_S)
    await page.type("fleet-search", "yard old")
    await listed(page, {"FLEET-2"})
    await at(page, "/app/?q=yard+old&tag=north")
    await page.type("fleet-search", "nobody")
    await page.click("show-everybody")
    await listed(page, {"SUN-0001", "SUN-0002", "FLEET-1", "FLEET-2"})

    # What has no battery is last, whichever way round.
    await page.click("sort-battery")
    await at(page, "/app/?sort=battery")
    await page.click("sort-battery")
    await at(page, "/app/?sort=-battery")
    assert (await page.find("machine-FLEET-1"))["y"] > (await page.find("machine-SUN-0002"))["y"]

    # Values are live: the simulated machines measure every few seconds.
    before = await page.text("machine-SUN-0001")

    async def has_changed() -> bool:
        return await page.text("machine-SUN-0001") != before

    await eventually(has_changed, within_s=WITHIN_S)

    # The map beside the list: who has no position is counted, who was touched is named.
    await page.says("1 without a position")
    await page.opens("map-machine-FLEET-1", "map-open")
    await page.click("map-open")
    await at(page, "/app/machines/FLEET-1")

    # On a phone, list and map take turns, and the way is remembered.
    await page.page.set_viewport_size({"width": 390, "height": 844})
    await page.page.go_back()
    await listed(page, {"SUN-0001", "SUN-0002", "FLEET-1", "FLEET-2"})

    async def is_map() -> bool:
        view = await page.find("fleet-view")
        await page.page.mouse.click(view["x"] + view["width"] / 4, view["y"])
        await asyncio.sleep(1)
        return "view=map" in page.page.url

    await eventually(is_map, within_s=WITHIN_S)
    await at(page, "/app/?sort=-battery&view=map")
    await page.find("map-machine-FLEET-1", within_s=WITHIN_S)
    await page.page.go_back()
    await page.click("machine-FLEET-2", within_s=WITHIN_S)
    await at(page, "/app/machines/FLEET-2")
