"""What the measurements of the app share: a server with two companies, browsers, what machines say, and tables."""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.ingest import LOAD_RULES
from bench.stopwatch import Stopwatch
from playwright.async_api import Browser, BrowserContext, Page

from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.mqtt.client import MqttClient
from sunsweep.server.broker.accounts import set_account
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import Machine
from sunsweep.server.features.accounts.roles import Role
from tests.app.browser import chromium, connected
from tests.app.flutter import Flutter
from tests.support.platform import BACKEND, PASSWORD, Platform

FEW, MANY = 20, 1000
PROBE: Final = "SUN-0001"
OPERATOR, OVERSEER = "operator@example.com", "overseer@example.com"
"""Of the company with few machines, and of the one with many."""
WINDOW: Final = {"width": 1280, "height": 800}


@dataclass
class Bench:
    """What all measurements share."""

    platform: Platform
    serve_pid: int
    folder: Path
    publisher: MqttClient
    options: argparse.Namespace
    failures: list[str] = field(default_factory=list)
    _browsers: int = 0

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        """A fresh one: nothing in its caches."""
        self._browsers += 1
        folder = self.folder / f"browser-{self._browsers}"
        folder.mkdir()
        with chromium(folder, f"--window-size={WINDOW['width']},{WINDOW['height']}") as address:
            async with connected(address) as browser:
                yield browser

    @asynccontextmanager
    async def shown(self, path: str, *, who: str = OPERATOR) -> AsyncIterator[tuple[Browser, Flutter, Stopwatch]]:
        """A page of the app that somebody is logged in to, at full speed."""
        async with self.browser() as browser:
            context = browser.contexts[0]
            await log_in(context, self.platform.url, who)
            flutter = Flutter(await new_page(context))
            await flutter.open(f"{self.platform.url}/app{path}")
            stopwatch = Stopwatch(flutter)
            await stopwatch.start()
            yield browser, flutter, stopwatch

    async def publish(
        self, serial: str, body: bytes, *, company_id: int = 1, channel: Channel = Channel.TELEMETRY
    ) -> None:
        await self.publisher.publish(str(MachineTopic(company_id, serial, channel)), body, qos=1)


def serial(number: int) -> str:
    return f"SUN-{number:04d}"


async def log_in(context: BrowserContext, url: str, who: str) -> None:
    answer = await context.request.post(
        f"{url}/api/v1/auth/session",
        form={"username": who, "password": PASSWORD},
        headers={"x-requested-with": "sunsweep"},
    )
    assert answer.ok, await answer.text()


async def new_page(context: BrowserContext) -> Page:
    page = await context.new_page()
    await page.set_viewport_size({"width": WINDOW["width"], "height": WINDOW["height"]})
    return page


async def prepare(platform: Platform) -> None:
    now_ms = wall_clock()
    async with platform.database.write() as session:
        for company_id, count in ((1, FEW), (2, MANY)):
            session.add_all(
                Machine(
                    company_id=company_id, serial=serial(number), name=f"Row {number}", model="simulated",
                    lat=37.4 + number // 40 / 5000, lon=-5.9 + number % 40 / 800, expected_interval_s=30,
                    created_at=now_ms,
                )
                for number in range(1, count + 1)
            )  # fmt: skip
        await set_account(session, BACKEND, platform.settings.mqtt_password.get_secret_value(), LOAD_RULES)
    await platform.add_user(OVERSEER, Role.OPERATOR, company_id=2)


async def first_words(bench: Bench) -> None:
    """Every machine is heard, and idles: the filters and rows have something to say."""
    for company_id, count in ((1, FEW), (2, MANY)):
        for number in range(1, count + 1):
            topics = [str(MachineTopic(company_id, serial(number), one)) for one in (Channel.STATUS, Channel.TELEMETRY)]
            said = b'{"status":"Idle"}', b'{"battery":13.5,"solar_v":18.2,"solar_a":4.1,"water":80}'
            await bench.publisher.publish_all(zip(topics, said, strict=True))


@asynccontextmanager
async def field_at(bench: Bench, rate: float) -> AsyncIterator[None]:
    """The 1,000 machines, each in its turn, but for the probe; so many samples a second."""

    async def send() -> None:
        began, number = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * rate)
            messages = []
            for count in range(number, due):
                machine = serial(2 + count % (MANY - 1))
                topic = str(MachineTopic(2, machine, Channel.TELEMETRY))
                turn = count // (MANY - 1) + count
                body = b'{"battery":%s,"solar_v":18.%d,"solar_a":4.1,"water":%d}'
                messages.append((topic, body % (f"{12 + turn % 18 / 10:.1f}".encode(), turn % 10, 20 + turn % 80)))
            number = due
            if messages:
                await bench.publisher.publish_all(messages)
            await asyncio.sleep(0.05)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def is_drawn(page: Page) -> Callable[[], Awaitable[bool]]:
    """Whether the first page of the app is there, and the one before it gone."""

    async def drawn() -> bool:
        return bool(await page.evaluate("document.readyState !== 'loading' && !document.getElementById('boot')"))

    return drawn


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    print(f"\n{title}")
    for row in (heads, *rows):
        print("  ".join(cell.ljust(width) if cell[:1].isalpha() else cell.rjust(width)
                        for cell, width in zip(row, widths, strict=True)), flush=True)  # fmt: skip


def cuts(values: Sequence[float]) -> list[str]:
    """p50 and p90."""
    cuts = statistics.quantiles(values, n=10)
    return [f"{cuts[4]:.0f}", f"{cuts[8]:.0f}"]
