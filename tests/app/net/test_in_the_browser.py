"""The browser's halves, in a browser: requests, sockets, turns among tabs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Route

from tests.app.net.browser import Browser, Tab, chromium
from tests.server.viewers import say
from tests.support.platform import PASSWORD, Platform, eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

LOG_IN = f"me = await api.log_in('admin@example.com', {PASSWORD!r})\njson.dumps([me.email, me.company])"
REFUSED = """
try:
    await api.{call}
    found = None
except Refused as refusal:
    found = [refusal.status, refusal.code, sorted(wrong.field for wrong in refusal.errors)]
json.dumps(found)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(site: Platform) -> AsyncIterator[Browser]:
    async with chromium(site) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(browser: Browser) -> Tab:
    """One for all tests: a Python takes a while to start."""
    return await browser.tab()


async def test_a_login_by_cookie_and_writes_that_carry_the_header(tab: Tab) -> None:
    assert await tab.run(REFUSED.format(call="log_in('admin@example.com', 'wrong')")) == [401, "unauthenticated", []]
    assert await tab.run(LOG_IN) == ["admin@example.com", "Alpha"]
    added = await tab.run("json.dumps(await api.add_machine({'machine_id': 'WEB-1', 'name': 'Fila 1 – مرحبا'}))")
    assert added["name"] == "Fila 1 – مرحبا"
    listed = "json.dumps([row['name'] async for rows in api.machines() for row in rows])"
    assert await tab.run(listed) == ["Fila 1 – مرحبا"]
    wrong = REFUSED.format(call="add_machine({'machine_id': 'NO 1', 'lat': 91})")
    assert await tab.run(wrong) == [422, "invalid", ["lat", "machine_id"]]
    assert await tab.run(REFUSED.format(call="machine('NOBODY')")) == [404, "not_found", []]
    assert await tab.run("json.dumps(await api.is_there(5))")
    assert abs(await tab.run("import time\njson.dumps(there.clock.now_s() - time.time())")) < 3
    # No script sees the login.
    assert await tab.page.evaluate("document.cookie") == ""


async def test_a_server_that_hangs_or_cannot_be_reached(browser: Browser, tab: Tab) -> None:
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await browser.context.route("**/healthz", hold)
    assert await tab.run("json.dumps(await api.is_there(0.3))") is False
    await browser.context.unroute("**/healthz")
    assert len(held) == 1
    await browser.context.route("**/healthz", lambda route: route.abort())
    assert await tab.run("json.dumps(await api.is_there(5))") is False
    await browser.context.unroute("**/healthz")
    assert await tab.run("json.dumps(await api.is_there(5))") is True


async def test_a_machine_is_watched_over_a_socket(tab: Tab, site: Platform) -> None:
    login = await site.add_machine("WEB-2")
    await tab.run(LOG_IN)
    await tab.run("""
links = []
feed = MachineFeed(there, "WEB-2", on_change=lambda: None, on_link=links.append)
running = asyncio.ensure_future(feed.run())
""")
    links = "json.dumps(links)"

    async def live() -> bool:
        return bool((await tab.run(links))[-1:] == ["live"])

    await eventually(live)
    await say(site, login, {"battery": 13.4, "extra": {"temp": 30}})

    async def shown() -> bool:
        return bool(await tab.run("json.dumps({k: r.value for k, r in feed.machine.sample.items()})"))

    await eventually(shown)
    await site.stop_web()

    async def lost() -> bool:
        return bool((await tab.run(links))[-1:] == ["lost"])

    try:
        await eventually(lost)
    finally:
        await site.start_web()
    await eventually(live)
    assert await tab.run(links) == ["connecting", "live", "lost", "live"]
    ended = "running.cancel()\nawait asyncio.gather(running, return_exceptions=True)\njson.dumps(running.cancelled())"
    assert await tab.run(ended) is True


async def test_a_socket_that_may_not_is_told_the_code(tab: Tab) -> None:
    await tab.run(LOG_IN)
    run = "json.dumps(await MachineFeed(there, 'NOBODY', on_change=lambda: None, on_link=lambda _: None).run())"
    assert await tab.run(run) == 4403


async def test_tabs_take_turns_to_renew(browser: Browser, tab: Tab) -> None:
    """A second use of the same renewal would end the login for both."""
    first, second = tab, await browser.tab()
    await first.run(LOG_IN)
    several = "json.dumps([me.email for me in await asyncio.gather(*(api.me() for _ in range(4)))])"
    for _ in range(3):
        await browser.forget("sunsweep_session")
        found = await asyncio.gather(first.run(several), second.run(several))
        assert list(found) == [["admin@example.com"] * 4] * 2
    await browser.forget("sunsweep_session")
    await browser.forget("sunsweep_refresh")
    assert await first.run(REFUSED.format(call="me()")) == [401, "unauthenticated", []]
    assert await first.run("json.dumps(signed_out)") == [True]


async def test_what_the_browser_says_of_the_network_is_heard_until_the_end(tab: Tab) -> None:
    found = await tab.run("""
import js
said = []
with there.network_events(said.append):
    for name in ("offline", "online"):
        js.dispatchEvent(js.Event.new(name))
js.dispatchEvent(js.Event.new("offline"))
json.dumps(said)
""")
    assert found == [False, True]
