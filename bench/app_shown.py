"""How soon a value that a machine sends stands on the screen, and how many a second a page takes before it lags."""

import asyncio
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.app_bench import MANY, OPERATOR, OVERSEER, PROBE, Bench, cuts, field_at, table
from bench.stopwatch import Seen, Stopwatch
from playwright.async_api import Browser

LAGS_S: Final = 2.0
"""A page lags where one value in ten, or the last one, comes later than this."""


@dataclass
class Shown:
    """Milliseconds from publish of those values that were shown, and of the same ones' frames."""

    sent: int
    seconds: float
    lags: list[float]
    frames: list[float]
    last_ms: float | None
    """From the last publish until its value stood there; None where it never did."""
    cores: float
    """What the browser's processes used meanwhile."""


_VOLTS: Final = re.compile(r"(\d+\.\d)\s*V")


def volts(number: int) -> str:
    """900 different values, as they are shown: to a tenth."""
    return f"{10 + number % 900 / 10:.1f}"


async def send_and_see(
    bench: Bench,
    browser: Browser,
    stopwatch: Stopwatch,
    widget: str,
    *,
    rate: float,
    seconds: float,
    company_id: int = 1,
) -> Shown:
    """Publish so many values a second of the probe, and look at the widget and at a socket of our own."""
    sent: dict[str, float] = {}
    heard: dict[str, float] = {}
    who = OPERATOR if company_id == 1 else OVERSEER

    async def listen() -> None:
        async with bench.platform.watch(PROBE, as_=who) as socket:
            is_open.set()
            async for text in socket:
                found = re.search(r'"battery":(\d+\.\d)', str(text))
                if found and '"type":"telemetry"' in str(text):
                    heard.setdefault(found[1], time.time())

    is_open = asyncio.Event()
    listening = asyncio.create_task(listen())
    await is_open.wait()
    await asyncio.sleep(1)
    await stopwatch.watch(widget)
    cpu, began, number = await cpu_s(browser), time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        while number <= passed * rate:
            sent[volts(number)] = time.time()
            await bench.publish(PROBE, b'{"battery":%s,"water":80}' % volts(number).encode(), company_id=company_id)
            number += 1
        await asyncio.sleep(min(1 / rate, 0.02))
    cores = (await cpu_s(browser) - cpu) / (time.monotonic() - began)
    await asyncio.sleep(3)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return _shown(sent, heard, await stopwatch.seen(), seconds, cores)


def _shown(
    sent: dict[str, float], heard: dict[str, float], seen: Sequence[Seen], seconds: float, cores: float
) -> Shown:
    when: dict[str, float] = {}
    for one in seen:
        if found := _VOLTS.search(one.words):
            when.setdefault(found[1], one.at_s)
    both = [value for value in when if value in sent and value in heard]
    last = list(sent)[-1]
    return Shown(
        len(sent), seconds,
        [(when[value] - sent[value]) * 1e3 for value in both],
        [(heard[value] - sent[value]) * 1e3 for value in both],
        (when[last] - sent[last]) * 1e3 if last in when else None,
        cores,
    )  # fmt: skip


async def cpu_s(browser: Browser) -> float:
    """CPU time that all processes of the browser have used, in seconds."""
    session = await browser.new_browser_cdp_session()
    found = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    return float(sum(one["cpuTime"] for one in found["processInfo"]))


async def shown(bench: Bench) -> None:
    rows = []
    quick = bench.options.quick
    async with bench.shown(f"/machines/{PROBE}") as (browser, _, stopwatch):
        for rate in (1, 10, 100) if quick else (1, 2, 5, 10, 20, 50, 100):
            found = await send_and_see(
                bench, browser, stopwatch, "tile-battery", rate=rate, seconds=8 if quick or rate > 1 else 25
            )
            rows.append(_row(str(rate), found))
    table(
        "publish to the machine page's tile (drawn at most four times a second), "
        "beside the frame at a socket of our own",
        _SHOWN,
        rows,
    )


_SHOWN: Final = [
    "values/s", "shown/s", "frame p50, ms", "p90", "shown p50, ms", "p90", "the last, ms", "cores", "lags",
]  # fmt: skip


def _row(name: str, found: Shown) -> list[str]:
    if len(found.lags) < 2:
        return [name, "0", *["-"] * 6, "nothing shown"]
    lag = statistics.quantiles(found.lags, n=10)[8]
    behind = found.last_ms is None or max(lag, found.last_ms) > LAGS_S * 1e3
    return [
        name,
        f"{len(found.lags) / found.seconds:.1f}",
        *cuts(found.frames),
        *cuts(found.lags),
        "never" if found.last_ms is None else f"{found.last_ms:.0f}",
        f"{found.cores:.2f}",
        "yes" if behind else "no",
    ]


async def fleet(bench: Bench) -> None:
    rows = []
    quick = bench.options.quick
    intervals = (30, 5) if quick else (60, 30, 5, 2)
    async with bench.shown("/", who=OVERSEER) as (browser, flutter, stopwatch):
        await flutter.find(f"machine-{PROBE}", within_s=60)
        for interval in intervals:
            async with field_at(bench, MANY / interval):
                await asyncio.sleep(3)
                found = await send_and_see(
                    bench, browser, stopwatch, f"machine-{PROBE}", rate=1, seconds=10 if quick else 20, company_id=2
                )
            rows.append(_row(f"1 + {MANY / interval:.0f}", found))
    table(
        f"publish to a row of the fleet page of {MANY:,} machines (drawn at most twice a second), "
        f"while the others send, each every {', '.join(str(one) for one in intervals)} s",
        _SHOWN,
        rows,
    )
