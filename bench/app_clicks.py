"""How soon a click is answered on the screen; a dialog on its way back has to fade before it is gone."""

from collections.abc import Sequence

from bench.app_bench import PROBE, Bench, cuts, serial, table
from bench.stopwatch import Stopwatch


async def clicks(bench: Bench) -> None:
    rows: list[Sequence[str]] = []
    times = bench.options.clicks

    async def both_ways(name: str, stopwatch: Stopwatch, there: Sequence[str], back: Sequence[str]) -> None:
        out, home = [], []
        for _ in range(times):
            out.append(await stopwatch.click(*there))
            await stopwatch.rest()
            home.append(await stopwatch.click(*back))
            await stopwatch.rest()
        rows.extend(
            [f"{name}: {way}", str(times), *cuts(found), f"{max(found):.0f}"]
            for way, found in (("there", out), ("back", home))
        )

    async with bench.shown("/") as (_, flutter, stopwatch):
        await flutter.find(f"machine-{PROBE}", within_s=60)
        await both_ways(
            "fleet, the question before a stop", stopwatch,
            ("stop-all", "stop-all-yes", "comes"), ("stop-all-no", "stop-all-yes", "goes"),
        )  # fmt: skip
        await both_ways(
            "fleet, a filter", stopwatch,
            ("show-working", f"machine-{serial(2)}", "goes"), ("show-all", f"machine-{serial(2)}", "comes"),
        )  # fmt: skip
        await flutter.page.goto(f"{bench.platform.url}/app/machines/{PROBE}", wait_until="commit")
        await flutter.usable()
        await stopwatch.start()
        await flutter.find("tile-battery", within_s=60)
        await both_ways(
            "machine, another part of the page", stopwatch,
            ("tab-ledger", "tile-battery", "goes"), ("tab-live", "tile-battery", "comes"),
        )  # fmt: skip
        await both_ways(
            "machine, the sheet of an order", stopwatch,
            ("machine-start", "start-no", "comes"), ("start-no", "start-no", "goes"),
        )  # fmt: skip
    table(
        "click to answered on the screen, ms (aim 150)",
        ["what", "clicks", "p50", "p90", "longest"],
        rows,
    )
