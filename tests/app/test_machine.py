"""A machine's page in a real browser: its values live, a start with parameters, a stop, and who may not do that."""

import pytest

from tests.app.browser import Visitor
from tests.app.conftest import Visits
from tests.support.command import Site
from tests.support.platform import eventually

MACHINE = "SUN-0002"
OPERATOR = "operator@example.com"
VIEWER = "viewer@example.com"


@pytest.mark.prove
async def test_a_machine_is_watched_started_and_stopped(visitor: Visitor, up: Site) -> None:
    page = await visitor.open(f"/app/machines/{MACHINE}")
    visitor.expected.append("401")
    await page.sign_in(OPERATOR, up.passwords()[OPERATOR])

    # The deep link is kept over the login, and what is shown is live.
    await eventually(page.reads("machine-presence", "^Online, last heard just now"), within_s=60)
    assert f"/machines/{MACHINE}" in page.page.url
    await eventually(page.reads("tile-battery", r"\d\d\.\d\sV"), within_s=20)

    # A parameter beyond its limits is told at its field, and nothing is sent.
    await page.click("machine-start")
    await page.type("param-speed", "50")
    await page.click("start-yes")
    await page.says("1 to 10")
    await page.type("param-speed", "7")
    await page.click("start-yes")
    await page.gone("start-yes")
    await eventually(page.reads("machine-last", "^Start cleaning: (Accepted|Running|Done)"), within_s=30)
    await page.says("Given by operator@example.com")
    await eventually(page.reads("machine-state", "^Working"), within_s=30)

    # Values change by themselves.
    before = await page.text("tile-run_area")

    async def has_changed() -> bool:
        return await page.text("tile-run_area") != before

    await eventually(has_changed, within_s=60)

    # The stop asks once, and the machine's own word comes back.
    await page.click("machine-stop")
    await page.click("order-yes")
    await page.gone("order-yes")
    await eventually(page.reads("machine-last", "^Stop cleaning: Done, said the machine"), within_s=30)
    await eventually(page.reads("machine-said", r"said the machine, \d\d:\d\d:\d\d"), within_s=10)


@pytest.mark.prove
async def test_on_a_phone_a_viewer_only_looks(visits: Visits, up: Site) -> None:
    async with visits(locale="en-GB", viewport={"width": 390, "height": 844}) as visitor:
        visitor.expected += ["401", "403", "404"]
        page = await visitor.open(f"/app/machines/{MACHINE}?tab=commands")
        await page.sign_in(VIEWER, up.passwords()[VIEWER])
        await page.find("machine-state", within_s=60)
        assert [await page.look(act) for act in ("machine-start", "machine-stop", "stop-all")] == [None] * 3
        await page.click("tab-live")
        await page.find("tile-battery")
        assert "tab=" not in page.page.url

        missing = await visitor.open("/app/machines/NO-SUCH")
        await missing.find("machine-missing", within_s=60)
        await missing.click("go-home")
        await missing.gone("machine-missing")
