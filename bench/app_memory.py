"""What it takes to keep the app open: a browser's memory over time, and the server's with many pages."""

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from bench.app_bench import MANY, OPERATOR, OVERSEER, PROBE, Bench, field_at, is_drawn, log_in, new_page, serial, table
from bench.app_shown import volts
from playwright.async_api import Browser, Page

from tests.support.platform import PASSWORD, eventually

MIB: Final = 2**20
RENDERER_MIB: Final = 700
"""A renderer and the GPU's process, each: Flutter's engine, Python, and what is collected late."""
SERVE_MIB: Final = 250
PAGES: Final = 50
SAMPLE_S: Final = 30.0


@dataclass
class Curve:
    """MiB of a browser over time."""

    name: str
    renderer: list[float] = field(default_factory=list)
    gpu: list[float] = field(default_factory=list)
    heap: list[float] = field(default_factory=list)

    async def take(self, browser: Browser, page: Page) -> None:
        session = await browser.new_browser_cdp_session()
        processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
        await session.detach()
        rss = {one["id"]: (one["type"], _rss_mib(one["id"])) for one in processes}
        self.renderer.append(max((size for kind, size in rss.values() if kind == "renderer"), default=0.0))
        self.gpu.append(max((size for kind, size in rss.values() if kind == "GPU"), default=0.0))
        own = await page.context.new_cdp_session(page)
        await own.send("Performance.enable")
        metrics = {one["name"]: one["value"] for one in (await own.send("Performance.getMetrics"))["metrics"]}
        await own.detach()
        self.heap.append(metrics["JSHeapUsedSize"] / MIB)

    def rows(self) -> list[list[str]]:
        half = len(self.renderer) // 2
        shown = (("renderer", self.renderer), ("GPU process", self.gpu), ("JS heap of the page", self.heap))
        return [
            [self.name, name, *map("{:.0f}".format, (mib[0], max(mib[: half + 1]), max(mib[half:]), mib[-1]))]
            for name, mib in shown
        ]

    @property
    def most(self) -> float:
        return max(*self.renderer, *self.gpu)


def _rss_mib(pid: int) -> float:
    with suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss / MIB)
    return 0.0


async def memory(bench: Bench) -> None:
    """Two browsers side by side, for so many minutes; nobody asks for their accessibility trees."""
    minutes: float = bench.options.minutes
    curves = [Curve("machine page, a sample a second"), Curve(f"overview of {MANY:,}, each every 30 s")]
    async with AsyncExitStack() as stack:
        open_pages = []
        for path, who in ((f"/machines/{PROBE}", OPERATOR), ("/", OVERSEER)):
            browser = await stack.enter_async_context(bench.browser())
            await log_in(browser.contexts[0], bench.platform.url, who)
            page = await new_page(browser.contexts[0])
            await page.goto(f"{bench.platform.url}/app{path}", wait_until="commit")
            await eventually(is_drawn(page), within_s=120)
            open_pages.append((browser, page))
        await stack.enter_async_context(field_at(bench, MANY / 30))
        began, number = time.monotonic(), 0
        while (passed := time.monotonic() - began) < minutes * 60:
            await bench.publish(PROBE, b'{"battery":%s,"water":%d}' % (volts(number).encode(), number % 100))
            number += 1
            if passed >= len(curves[0].renderer) * SAMPLE_S + 10:
                for curve, (browser, page) in zip(curves, open_pages, strict=True):
                    await curve.take(browser, page)
            await asyncio.sleep(1)
    table(
        f"the browser's memory over {minutes:g} min, MiB resident, every {SAMPLE_S:g} s "
        f"(bound {RENDERER_MIB} a process)",
        ["page", "of", "at first", "most, 1st half", "most, 2nd half", "at the end"],
        [row for curve in curves for row in curve.rows()],
    )
    bench.failures += [f"{curve.name}: {curve.most:.0f} MiB" for curve in curves if curve.most > RENDERER_MIB]


async def server(bench: Bench) -> None:
    """No session of the app is on the server: a page is its login's requests and two sockets, whoever draws it."""
    before = _rss_mib(bench.serve_pid)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).parent / "pages.py"),
        bench.platform.url, OVERSEER, PASSWORD, str(PAGES), *(serial(number) for number in range(1, PAGES + 1)),
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with field_at(bench, MANY / 30):
            async with asyncio.timeout(240):
                assert await process.stdout.readline() == b"open\n"
            opened = _rss_mib(bench.serve_pid)
            await asyncio.sleep(10 if bench.options.quick else 30)
            later = _rss_mib(bench.serve_pid)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await asyncio.sleep(10)
    after = _rss_mib(bench.serve_pid)
    table(
        f"memory of serve (all roles) with {PAGES} pages open on {MANY:,} machines, MiB resident (bound {SERVE_MIB})",
        ["before", "all open", "later", "a page", "after"],
        [[*(f"{mib:.0f}" for mib in (before, opened, later)), f"{(later - before) / PAGES:.2f}", f"{after:.0f}"]],
    )
    if later > SERVE_MIB:
        bench.failures.append(f"serve: {later:.0f} MiB")
