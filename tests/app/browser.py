"""A real browser, as a process of its own: each test connects to it and has a profile of its own in it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, async_playwright

from tests.app.flutter import Flutter
from tests.support.programs import find_program

STARTS_WITHIN_S: Final = 60.0
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--enable-unsafe-swiftshader", "--remote-debugging-port=0", "--force-color-profile=srgb", "--hide-scrollbars",
)  # fmt: skip


@contextmanager
def chromium(folder: Path, *flags: str) -> Iterator[str]:
    """Its address for `connect_over_cdp`; ended with all its processes."""
    log = folder / "chromium.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [find_program("chromium"), *_FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        yield _address(process, log)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"DevTools listening on (ws://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"chromium has not started: {log.read_text()}")


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(address)
        yield browser


@dataclass
class Visitor:
    """A person with one browser profile: opens pages, and remembers whatever went wrong in them."""

    context: BrowserContext
    base: str
    wrong: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Regular expressions for what a test causes on purpose."""

    async def page(self, base: str | None = None) -> Page:
        """A page whose console, requests and answers are watched."""
        page = await self.context.new_page()
        hosts = {urlsplit(base or self.base).netloc}

        def look(request: Request) -> None:
            url = urlsplit(request.url)
            if url.scheme not in {"data", "blob", "about"} and url.netloc not in hosts:
                self.wrong.append(f"a request to another host: {request.url}")

        def listen(said: ConsoleMessage) -> None:
            if said.type == "error":
                self.wrong.append(f"console: {said.text}")

        def note(error: Error) -> None:
            self.wrong.append(f"error: {error.message}")

        page.on("request", look)
        page.on("console", listen)
        page.on("pageerror", note)
        return page

    async def open(self, path: str, base: str | None = None) -> Flutter:
        """The app at this path, until it can be used."""
        flutter = Flutter(await self.page(base))
        await flutter.open(f"{base or self.base}{path}")
        return flutter

    def unexpected(self) -> list[str]:
        return [text for text in self.wrong if not any(re.search(words, text) for words in self.expected)]


@asynccontextmanager
async def visiting(address: str, base: str, **profile: Any) -> AsyncIterator[Visitor]:
    """Fails where something went wrong. `profile`: Playwright's options of a context (`viewport`, `locale`, …)."""
    async with connected(address) as browser:
        context = await browser.new_context(**profile)
        visitor = Visitor(context, base)
        try:
            yield visitor
        finally:
            await context.close()
        assert not visitor.unexpected(), "\n".join(visitor.unexpected())
