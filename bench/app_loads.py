"""How soon the app can be used, with nothing in the browser's caches and with all of it, and what that carries."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.app_bench import OPERATOR, PROBE, Bench, is_drawn, log_in, new_page, table
from bench.line import HOME, LOOPBACK, Line, Speed, line_to
from playwright.async_api import BrowserContext

from tests.app.flutter import Flutter
from tests.support.platform import eventually


@dataclass
class Load:
    """Seconds from the navigation until something is drawn, and until it answers; what the line carried."""

    drawn_s: float
    answers_s: float
    mb: float
    requests: int


async def load(context: BrowserContext, line: Line, answer: Callable[[Flutter], Awaitable[Any]]) -> Load:
    page = await new_page(context)
    flutter = Flutter(page)
    before, began = line.carried.now(), time.perf_counter()
    await page.goto(f"{line.url}/app", wait_until="commit", timeout=120_000)

    await eventually(is_drawn(page), within_s=120)
    drawn = time.perf_counter()
    await flutter.semantics()
    await answer(flutter)
    ended = time.perf_counter()
    carried = line.carried.since(before)
    await page.close()
    return Load(drawn - began, ended - began, carried.down / 1e6, carried.requests)


async def login_answers(flutter: Flutter) -> None:
    await flutter.type("login-email", "o")


async def fleet_answers(flutter: Flutter) -> None:
    await flutter.find(f"machine-{PROBE}", within_s=60)
    await flutter.click("show-working")

    async def is_filtered() -> bool:
        return "show=working" in flutter.page.url

    await eventually(is_filtered)


async def loads(bench: Bench) -> None:
    rows = []
    for speed in (LOOPBACK, HOME):
        for name, answer, signs_in in (("login", login_answers, False), ("fleet", fleet_answers, True)):
            cold, warm = await _cold_and_warm(bench, speed, answer, signs_in=signs_in)
            rows += [[speed.name, name, "cold", *_median(cold)], [speed.name, name, "warm", *_median(warm)]]
    table(
        f"navigation to usable, median of {bench.options.rounds}: login = a key typed stands in its field; "
        "fleet = rows, and a filter pressed is answered",
        ["line", "page", "cache", "drawn, s", "answers, s", "MB down", "requests"],
        rows,
    )


async def _cold_and_warm(
    bench: Bench, speed: Speed, answer: Callable[[Flutter], Awaitable[Any]], *, signs_in: bool
) -> tuple[list[Load], list[Load]]:
    cold, warm = [], []
    for _ in range(bench.options.rounds):
        async with line_to(bench.platform.settings.port, speed) as line, bench.browser() as browser:
            context = browser.contexts[0]
            if signs_in:
                await log_in(context, line.url, OPERATOR)
            cold.append(await load(context, line, answer))
            warm.append(await load(context, line, answer))
    return cold, warm


def _median(found: Sequence[Load]) -> list[str]:
    def middle(name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in found))

    megabytes = middle("mb")
    return [
        f"{middle('drawn_s'):.1f}",
        f"{middle('answers_s'):.1f}",
        f"{megabytes:.1f}" if megabytes >= 0.1 else f"{megabytes:.3f}",
        f"{middle('requests'):.0f}",
    ]
