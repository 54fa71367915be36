"""The history and the ledger of a machine in a real browser, against `sunsweep up`."""

import pytest

from tests.app.browser import Visitor
from tests.app.conftest import Visits
from tests.app.flutter import Flutter
from tests.support.command import Site
from tests.support.platform import eventually

MACHINE = "SUN-0001"
OPERATOR = "operator@example.com"


async def signed_in(visitor: Visitor, up: Site, path: str) -> Flutter:
    page = await visitor.open(path)
    await page.sign_in(OPERATOR, up.passwords()[OPERATOR])
    return page


@pytest.mark.prove
async def test_history_and_ledger_of_a_machine(visits: Visits, up: Site) -> None:
    async with visits(viewport={"width": 1000, "height": 1000}, locale="en-GB") as visitor:
        page = await signed_in(visitor, up, f"/app/machines/{MACHINE}?tab=history&span=1h")
        await walks_through(page)


async def walks_through(page: Flutter) -> None:
    await page.find("state-ribbon", within_s=150)
    assert "Cleaning" in await page.text("state-ribbon") or "Charging" in await page.text("state-ribbon")
    for name in ("battery", "solar_v", "solar_a", "water", "temp", "vibration"):
        assert await page.look(f"chart-{name}"), name
    assert "\N{NO-BREAK SPACE}V to " in await page.text("chart-battery")
    assert "Times: " in await page.text("history-caption")

    await reads_a_value_under_the_mouse(page)
    await downloads_the_span(page)

    await page.click("span-7d")

    async def is_in_the_address() -> bool:
        return "span=7d" in page.page.url

    await eventually(is_in_the_address)
    await page.find("chart-battery")

    await page.click("tab-ledger")
    await page.says("messages here")
    await page.says("Nothing is missing, nothing was refused.")


async def reads_a_value_under_the_mouse(page: Flutter) -> None:
    """At the end of the hour, where a machine that has only just begun has its values."""

    async def is_read() -> bool:
        box = await page.find("state-ribbon")
        await page.page.mouse.move(box["x"] + box["width"] / 2 - 13, box["y"])
        await page.page.mouse.move(box["x"] + box["width"] / 2 - 14, box["y"] + 2)
        found = await page.look("readout-battery")
        return found is not None and "\N{NO-BREAK SPACE}V · " in found["text"]

    await eventually(is_read, within_s=30)


async def downloads_the_span(page: Flutter) -> None:
    async with page.page.expect_download() as coming:
        await page.click("history-download")
        await page.click("download-csv-raw")
    file = await coming.value
    assert file.suggested_filename.startswith(MACHINE)
    assert (await file.path()).read_text(encoding="utf-8").startswith("ts,")
