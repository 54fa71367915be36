"""Commands of one machine and of many, as an operator gives and follows them, and what a viewer sees of them."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.app.browser import Visitor
from tests.app.conftest import Visits
from tests.app.flutter import Flutter
from tests.support.command import Site
from tests.support.platform import eventually

OPERATOR = "operator@example.com"
AWAY = "AWAY-1"
"""A machine that nobody ever connects."""
WITHIN_S = 60.0


@pytest.fixture
async def api(up: Site) -> AsyncIterator[httpx.AsyncClient]:
    bearer = {"authorization": f"Bearer {await up.token('admin@example.com')}"}
    async with httpx.AsyncClient(base_url=f"{up.url}/api/v1", headers=bearer) as client:
        yield client


async def said(page: Flutter, identifier: str, pattern: str) -> str:
    """The widget's words, once they are like this."""

    async def says() -> str | None:
        text = (await page.look(identifier) or {}).get("text", "")
        return text if re.search(pattern, text) else None

    return str(await eventually(says, within_s=WITHIN_S))


async def newest_run(api: httpx.AsyncClient) -> dict[str, Any]:
    run: dict[str, Any] = (await api.get("/commands/bulk?limit=1")).json()["items"][0]
    return run


@pytest.mark.prove
async def test_an_operator_stops_all_starts_some_and_follows_each(
    visitor: Visitor, up: Site, api: httpx.AsyncClient
) -> None:
    page = await visitor.open("/app/commands")
    await page.sign_in(OPERATOR, up.passwords()[OPERATOR])
    await page.find("page-commands")

    # Stop all: the same place on every page, a phone's too; it asks once, and names company and number.
    await page.page.set_viewport_size({"width": 390, "height": 844})
    await page.find("stop-all")
    await page.says("Commands")
    await page.opens("stop-all", "stop-all-yes")
    await page.says("Stop all 2 machines of Demo Solar?", within_s=WITHIN_S)
    await page.click("stop-all-yes")
    await said(page, "run-standing", "All 2 machines have done it")
    stop = await newest_run(api)
    assert (stop["command"], stop["filter"], stop["state"]) == ("stop_cleaning", {"all": True}, "finished")
    assert page.page.url == f"{up.url}/app/commands/runs/{stop['id']}"

    # One command for many: a parameter that cannot be is told at its field; a look comes before the act.
    await page.page.set_viewport_size({"width": 1280, "height": 800})
    await page.click("go-commands")
    await page.click("commands-new")
    await page.click("how-all")
    await said(page, "meant", "2 machines")
    await page.click("new-command")
    await page.find("new-command")
    await choose(page, "Start cleaning")
    await page.type("param-speed", "12")
    await page.click("new-look")
    await page.says("This must be 1 to 10")
    assert (await newest_run(api))["id"] == stop["id"]
    await page.type("param-speed", "7")
    await page.type("new-stage-size", "1")
    await page.click("new-look")
    await said(page, "preview-summary", "2 machines of Demo Solar")
    assert "command=start_cleaning" in page.page.url
    await page.click("preview-go")
    await said(page, "run-standing", "machines have done it")
    start = await newest_run(api)
    assert (start["command"], start["params"], start["stages"]) == ("start_cleaning", {"speed": 7}, 2)
    assert start["ended_at"] is not None
    for serial in ("SUN-0001", "SUN-0002"):
        await page.find(f"part-{serial}")

    # The list of runs, and back into one.
    await page.click("go-back")
    await page.find(f"run-{stop['id']}")
    await page.click(f"run-{start['id']}")
    await page.find("page-run")


async def choose(page: Flutter, words: str) -> None:
    """An entry of the menu that is open."""
    entry = page.page.get_by_role("button", name=words, exact=True).first

    async def box() -> Any:
        return await entry.bounding_box() if await entry.count() else None

    found = await eventually(box)
    await page.page.mouse.click(found["x"] + found["width"] / 2, found["y"] + found["height"] / 2)
    await page.find("param-speed")


@pytest.mark.prove
async def test_a_command_appears_by_itself_and_is_taken_back(
    visitor: Visitor, up: Site, api: httpx.AsyncClient
) -> None:
    await up.add_machine(AWAY)
    try:
        page = await visitor.open("/app/commands")
        await page.sign_in(OPERATOR, up.passwords()[OPERATOR])
        await page.find("over-all")
        order = (await api.post(f"/machines/{AWAY}/commands", json={"command": "return_to_dock"})).raise_for_status()
        stop = order.json()["id"]
        await page.find(f"command-{stop}", within_s=WITHIN_S)
        await page.says("Waiting for the machine")
        await page.click(f"command-{stop}")
        await page.click(f"cancel-{stop}")
        await page.says("Cancelled: a person took it back")
        await page.gone(f"cancel-{stop}")
        assert (await api.get(f"/machines/{AWAY}/commands/{stop}")).json()["state"] == "cancelled"
        # The filter is in the address.
        await page.click("over-cancelled")
        await eventually(lambda: _is_at(page, "/commands?state=cancelled"))
        await page.says(AWAY)
    finally:
        (await api.delete(f"/machines/{AWAY}")).raise_for_status()


async def _is_at(page: Flutter, address: str) -> bool:
    return page.page.url.endswith(address)


@pytest.mark.prove
async def test_a_viewer_looks_and_does_not_command(visits: Visits, up: Site) -> None:
    async with visits(viewport={"width": 1280, "height": 800}, locale="en-GB") as visitor:
        page = await visitor.open("/app/commands/new")
        await page.sign_in("viewer@example.com", up.passwords()["viewer@example.com"])
        await page.says("You may look, and not command")
        await page.click("go-commands")
        await page.find("page-commands")
        assert await page.look("commands-new") is None
        assert await page.look("stop-all") is None
