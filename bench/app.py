#!/usr/bin/env python3
"""The app in a real browser: how soon it can be used, how soon it answers and shows, and what it takes to keep it open.

One `sunsweep serve` (all roles, SQLite) with a company of 20 machines and one of 1,000; the broker, what publishes and
Chromium without a GPU are on the same computer. Exit code 1 where a browser's or the server's memory passes its bound.
Read the figures beside the load that is printed first and last.
"""

import argparse
import asyncio
import platform as computer
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.app_bench import Bench, first_words, prepare
from bench.app_clicks import clicks
from bench.app_loads import loads
from bench.app_memory import memory, server
from bench.app_shown import fleet, shown

from sunsweep.server.settings import folder_database_url
from tests.support.platform import BACKEND, eventually, new_platform
from tests.support.processes import serve_process

PARTS: Final[dict[str, Callable[[Bench], Awaitable[None]]]] = {
    "loads": loads, "clicks": clicks, "shown": shown, "fleet": fleet, "server": server, "memory": memory,
}  # fmt: skip


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, few clicks, a minute of memory")
    parser.add_argument("--minutes", type=float, help="of the browser's memory; 60 for the whole proof (default 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    options.rounds, options.clicks = (1, 6) if options.quick else (3, 12)
    options.minutes = options.minutes or (1 if options.quick else 3)
    load_before = ", ".join(f"{one:.1f}" for one in psutil.getloadavg())
    print(f"{psutil.cpu_count()} cores, {computer.machine()}; load before the run {load_before}", flush=True)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        platform = await new_platform(folder_database_url(folder), folder)
        stack.push_async_callback(platform.stop)
        await prepare(platform)
        await platform.start_broker()
        serve = await stack.enter_async_context(serve_process(platform.settings, "api,live,ingest,dispatch,jobs"))
        await eventually(platform.ready, within_s=60)
        password = platform.settings.mqtt_password.get_secret_value()
        publisher = await stack.enter_async_context(platform.mqtt(BACKEND, password))
        bench = Bench(platform, serve.pid, folder, publisher, options)
        await first_words(bench)
        for name in options.only:
            print(f"{name} …", file=sys.stderr, flush=True)
            await PARTS[name](bench)
        load_after = ", ".join(f"{one:.1f}" for one in psutil.getloadavg())
        print(f"\nload after the run {load_after}")
        for failure in bench.failures:
            print(f"beyond its bound: {failure}")
        return int(bool(bench.failures))


def _end(_number: int, _frame: object) -> None:
    # Browsers and servers are ended by what has begun them.
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(asyncio.run(main()))
