"""The first page: from the address to the app, and what is said where that cannot be."""

from pathlib import Path

import httpx
import pytest

from tests.app.browser import Visitor
from tests.app.conftest import Visits
from tests.support.command import Site
from tests.support.platform import eventually

_REMEMBER_STEPS = """
    globalThis.said = [];
    new MutationObserver(() => {
        const boot = document.getElementById("boot");
        if (boot) said.push(`${boot.dir} ${document.getElementById("boot-step").textContent}`);
    }).observe(document, {childList: true, subtree: true});
"""


async def test_the_app_starts(visitor: Visitor) -> None:
    page = await visitor.open("/app")
    assert await page.page.title() == "Sunsweep"
    await page.find("login-email")


async def test_a_deep_link_starts_it_too_and_keeps_the_address(visitor: Visitor, up: Site) -> None:
    page = await visitor.open("/app/machines/SUN-0001?span=24h")
    assert page.page.url.startswith(f"{up.url}/app/machines/SUN-0001")


@pytest.mark.prove
async def test_the_second_visit_asks_for_little_more_than_the_page(visitor: Visitor) -> None:
    page = await visitor.open("/app")
    await page.reload()
    sizes = await page.page.evaluate(
        "performance.getEntries().filter(e => e.transferSize !== undefined).map(e => [e.name, e.transferSize])"
    )
    assert sum(size for _, size in sizes) < 10_000, sizes


@pytest.mark.parametrize(
    ("locale", "says", "direction"),
    [
        ("en-GB", " MB", "ltr"),
        ("es-MX", "Cargando", "ltr"),
        ("ar", "ميغابايت", "rtl"),
        ("ja", "Loading", "ltr"),
    ],
    ids=["en", "es", "ar", "ja"],
)
async def test_it_says_how_far_it_is_in_the_language_of_the_browser(
    visits: Visits, up: Site, locale: str, says: str, direction: str
) -> None:
    async with visits(locale=locale) as visitor:
        page = await visitor.page()
        await page.add_init_script(_REMEMBER_STEPS)
        await page.goto(f"{up.url}/app", wait_until="commit")

        async def said() -> bool:
            return any(says in text and text.startswith(direction) for text in await page.evaluate("said"))

        await eventually(said)


async def test_without_webassembly_it_says_so(visits: Visits, up: Site) -> None:
    async with visits(locale="en-GB") as visitor:
        await visitor.context.add_init_script("delete globalThis.WebAssembly")
        page = await visitor.page()
        await page.goto(f"{up.url}/app")
        assert "WebAssembly is missing" in await page.inner_text("#boot-trouble")
        assert await page.is_visible("#boot-reload")
        assert await page.is_hidden("#boot-progress")


@pytest.mark.prove
async def test_what_does_not_load_is_said_and_reloading_mends_it(visitor: Visitor, up: Site) -> None:
    visitor.expected.append("ERR_FAILED|404|program.pack|could not|Failed to fetch")
    page = await visitor.page()
    await page.route("**/program.pack", lambda route: route.abort())
    await page.goto(f"{up.url}/app", wait_until="commit")

    async def said() -> bool:
        return "could not start" in await page.inner_text("#boot")

    await eventually(said, within_s=30)
    await page.unroute("**/program.pack")
    await page.click("#boot-reload")

    async def started() -> bool:
        return bool(await page.evaluate("document.readyState !== 'loading' && !document.getElementById('boot')"))

    await eventually(started, within_s=60)


async def test_without_a_script_it_says_so(visits: Visits, up: Site) -> None:
    async with visits(java_script_enabled=False) as visitor:
        page = await visitor.page()
        await page.goto(f"{up.url}/app")
        assert "switched off" in await page.inner_text("body noscript")


async def test_nothing_names_another_host(up: Site, built: Path) -> None:
    """What loads code or fonts from elsewhere is cut out of Flet's client, beside being forbidden to it."""
    async with httpx.AsyncClient(base_url=up.url) as client:
        page = (await client.get("/app")).text
    assert "//cdn" not in page
    program = next(built.glob("v-*/main.dart.js")).read_text()
    assert "cdn.jsdelivr.net/npm" not in program
