"""An operator's morning in a real browser: one page load that finds a machine, starts it, stops it, and outlives
whatever happens to the network and the server meanwhile."""

import base64
import re
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from tests.app.browser import Visitor, visiting
from tests.app.flutter import Flutter
from tests.chaos.proxy import Proxy, proxy_to
from tests.support.command import Running, Site
from tests.support.platform import eventually

OPERATOR: Final = "operator@example.com"
MACHINE: Final = "SUN-0002"
DESK: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}
CHANGES_WITHIN_S: Final = 20.0
"""A value should within 2 s; eight tests may share the cores with this one."""
HEALS_WITHIN_S: Final = 60.0
_FIGURE: Final = re.compile(r"(\d[\d.,]*)\s?(?:V|A|W|%|°C|m²|L)(?!\w)")
_TILES: Final = """() => [...document.querySelectorAll('[flt-semantics-identifier^="tile-"]')]
    .map(node => node.getAttribute("aria-label") ?? node.innerText ?? "").join("\\n")"""

_BRIGHTNESS: Final = """async png => {
    const bytes = Uint8Array.from(atob(png), letter => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const drawing = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    drawing.drawImage(picture, 0, 0);
    const values = drawing.getImageData(0, 0, picture.width, picture.height).data.filter((_, at) => at % 4 < 3);
    return values.reduce((sum, value) => sum + value, 0) / values.length / 255;
}"""


async def log_in(page: Flutter, site: Site) -> None:
    await page.sign_in(OPERATOR, site.passwords()[OPERATOR])
    await page.gone("login-go", within_s=60)


async def figures(page: Flutter) -> list[str]:
    """What the machine's tiles show, without their ages."""
    return _FIGURE.findall(str(await page.page.evaluate(_TILES)))


async def changes_by_itself(page: Flutter, *, within_s: float = CHANGES_WITHIN_S) -> None:
    async def shows() -> Any:
        return await figures(page)

    before = await eventually(shows, within_s=within_s)

    async def has_changed() -> bool:
        return bool(await figures(page) != before)

    await eventually(has_changed, within_s=within_s)


async def brightness(page: Flutter) -> float:
    """Of what is drawn, from 0 (black) to 1."""
    png = base64.b64encode(await page.page.screenshot()).decode()
    return float(await page.page.evaluate(_BRIGHTNESS, png))


async def finds_a_machine(page: Flutter) -> None:
    """The search leaves the rows that fit, in the address too; a row opens its machine."""
    await page.find(f"machine-{MACHINE}", within_s=60)
    await page.find("machine-SUN-0001")
    await page.type("fleet-search", MACHINE)
    await page.gone("machine-SUN-0001")
    await eventually(lambda: _is_at(page, f"q={MACHINE}"))
    await page.click(f"machine-{MACHINE}")
    await page.find("machine-name")
    assert f"/app/machines/{MACHINE}" in page.page.url


async def starts_and_stops_it(page: Flutter) -> None:
    """With parameters, by the sheet; both ends are the machine's own words."""
    await page.click("machine-start")
    await page.type("param-speed", "7")
    await page.click("start-yes")
    await page.gone("start-yes")
    await eventually(page.reads("machine-state", "^Working"), within_s=60)
    await eventually(page.reads("machine-last", "^Start cleaning: (Running|Done)"), within_s=60)
    await changes_by_itself(page)
    await page.click("machine-stop")
    await page.click("order-yes")
    await page.gone("order-yes")
    await eventually(page.reads("machine-last", "^Stop cleaning: Done"), within_s=60)


async def outlives_a_cut(page: Flutter, way: Proxy) -> None:
    """The loss is said at once; the page heals by itself and stands where it stood."""
    await page.page.mouse.move(500, 600)
    await page.page.mouse.wheel(0, 120)
    address, place = page.page.url, await _still(page, "tile-battery")
    way.cut()
    await page.find("connection-lost", within_s=HEALS_WITHIN_S)
    way.heal()
    await page.gone("connection-lost", within_s=HEALS_WITHIN_S)
    await changes_by_itself(page)
    assert page.page.url == address
    assert await _still(page, "tile-battery") == place


async def outlives_the_server(page: Flutter, site: Site, before: Running, stack: AsyncExitStack) -> None:
    """Restarted under the open page: the login is kept, and what was open stays open."""
    address = page.page.url
    ended = await before.told(signal.SIGINT)
    assert ended.code == 0, ended.err
    await page.find("connection-lost", within_s=HEALS_WITHIN_S)
    await stack.enter_async_context(site.up("--machines", "3"))
    await page.gone("connection-lost", within_s=HEALS_WITHIN_S)
    await eventually(page.reads("machine-presence", "^Online"), within_s=HEALS_WITHIN_S)
    await changes_by_itself(page)
    assert page.page.url == address
    assert await page.look("login-email") is None


async def fits_on_a_phone_by_night(page: Flutter) -> None:
    """At 390 px the stop is under the thumb; the dark theme follows the system."""
    await page.page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})

    async def has_moved() -> Any:
        stop = await page.look("machine-stop")
        return stop is not None and stop["y"] > 600 and 0 < stop["x"] < PHONE["width"]

    await eventually(has_moved)
    assert await brightness(page) > 0.7
    await page.page.emulate_media(color_scheme="dark")

    async def is_dark() -> bool:
        return await brightness(page) < 0.3

    await eventually(is_dark)


async def reads_arabic(page: Flutter, site: Site) -> None:
    """From right to left: the name of the first place stands at the right edge, in its letters."""
    await log_in(page, site)
    await page.find("machine-name", within_s=60)
    first = await page.find("go-fleet")
    assert first["x"] > DESK["width"] / 2
    assert any(re.search(r"[\u0600-\u06ff]{3,}", text) for text in await page.texts())
    assert f"/app/machines/{MACHINE}" in page.page.url


async def test_an_operators_morning(built: Path, browser_address: str, tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    async with AsyncExitStack() as stack:
        program = await stack.enter_async_context(site.up("--machines", "3"))
        way = await stack.enter_async_context(proxy_to(site.port))
        base = f"http://127.0.0.1:{way.port}"

        async with visiting(browser_address, base, viewport=DESK, locale="en-GB") as visitor:
            _expect_trouble(visitor)
            page = await visitor.open("/app")
            await log_in(page, site)
            await finds_a_machine(page)
            await changes_by_itself(page)
            await starts_and_stops_it(page)
            await outlives_a_cut(page, way)
            await outlives_the_server(page, site, program, stack)
            address = page.page.url
            await page.reload()
            await page.find("machine-name", within_s=60)
            assert page.page.url == address
            await fits_on_a_phone_by_night(page)

        async with visiting(browser_address, base, viewport=DESK, locale="ar") as visitor:
            visitor.expected.append("401")
            await reads_arabic(await visitor.open(f"/app/machines/{MACHINE}"), site)


def _expect_trouble(visitor: Visitor) -> None:
    """A browser tells its console of each request that fails; one to another host is never expected."""
    visitor.expected.append(r"^console: .*(401|50\d|ERR_|WebSocket connection)")


async def _is_at(page: Flutter, part: str) -> bool:
    return part in page.page.url


async def _still(page: Flutter, identifier: str) -> tuple[float, float]:
    """Where it stands, once it stands still."""
    places: list[tuple[float, float]] = []

    async def stands() -> bool:
        found = await page.find(identifier)
        places.append((round(found["x"]), round(found["y"])))
        return len(places) > 3 and len(set(places[-3:])) == 1

    await eventually(stands)
    return places[-1]
