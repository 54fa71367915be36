"""The app's network core where it runs: Python in a worker of a real browser, on a page of the server's own origin."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import flet_web  # type: ignore[import-untyped]  # it has no types
from playwright.async_api import BrowserContext, Page, Route, async_playwright

import sunsweep
from tests.support.platform import Platform

PYODIDE = Path(flet_web.__file__).parent / "web" / "pyodide"
SOURCES = Path(sunsweep.__file__).parent
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that the test answers has no address, and would not be let at the server's sockets.
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
)
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}
PAGE = """<!doctype html><title>probe</title><script type="module">
const waiting = new Map();
const worker = new Worker("/probe/worker.mjs", { type: "module" });
worker.onmessage = ({ data }) => waiting.get(data.id)(data);
worker.onerror = (event) => { document.title = `failed: ${event.message}`; };
let last = 0;
window.python = (code) => new Promise((done) => {
  waiting.set(++last, done);
  worker.postMessage({ id: last, code });
});
</script>"""
WORKER = """import { loadPyodide } from "/probe/pyodide/pyodide.mjs";
const ready = loadPyodide({ indexURL: "/probe/pyodide/" }).then(async (pyodide) => {
  pyodide.unpackArchive(await (await fetch("/probe/app.zip")).arrayBuffer(), "zip");
  return pyodide;
});
self.onmessage = async ({ data }) => {
  try {
    const pyodide = await ready;
    postMessage({ id: data.id, value: await pyodide.runPythonAsync(data.code) });
  } catch (error) { postMessage({ id: data.id, error: String(error) }); }
};
"""
SETUP = """
import asyncio, json
from sunsweep.app.live.feeds import MachineFeed
from sunsweep.app.net.api import new_key
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.server import server
opened = server()
there = await opened.__aenter__()
api = there.api
signed_out = []
api.session.on_signed_out = lambda: signed_out.append(True)
"""


def app_zip() -> bytes:
    """What of the app has no widget, and the contract that it shares with the server."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        archive.write(SOURCES / "__init__.py", "sunsweep/__init__.py")
        archive.write(SOURCES / "app" / "__init__.py", "sunsweep/app/__init__.py")
        for room in ("contract", "app/net", "app/live"):
            for path in (SOURCES / room).glob("*.py"):
                archive.write(path, f"sunsweep/{room}/{path.name}")
    return found.getvalue()


class Tab:
    def __init__(self, page: Page) -> None:
        self.page = page

    async def run(self, code: str) -> Any:
        """The JSON value of the last expression."""
        async with asyncio.timeout(60):
            found = await self.page.evaluate("code => window.python(code)", code)
        assert "error" not in found, found["error"]
        return None if found["value"] is None else json.loads(found["value"])


class Browser:
    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self._url = url

    async def tab(self) -> Tab:
        page = await self.context.new_page()
        await page.goto(f"{self._url}/probe/")
        tab = Tab(page)
        await tab.run(SETUP)
        return tab

    async def forget(self, cookie: str) -> None:
        """As when it ran out."""
        await self.context.clear_cookies(name=cookie)


@asynccontextmanager
async def chromium(site: Platform) -> AsyncIterator[Browser]:
    archive = await asyncio.to_thread(app_zip)

    async def answer(route: Route) -> None:
        path = route.request.url.split("/probe/", 1)[1]
        if path == "":
            await route.fulfill(body=PAGE, content_type="text/html")
        elif path == "worker.mjs":
            await route.fulfill(body=WORKER, content_type="text/javascript")
        elif path == "app.zip":
            await route.fulfill(body=archive, content_type="application/zip")
        else:
            file = PYODIDE / path.removeprefix("pyodide/")
            content_type = TYPES.get(file.suffix, "application/octet-stream")
            await route.fulfill(body=await asyncio.to_thread(file.read_bytes), content_type=content_type)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            context = await browser.new_context()
            await context.route("**/probe/**", answer)
            yield Browser(context, site.url)
        finally:
            await browser.close()
