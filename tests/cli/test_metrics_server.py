"""`/healthz` of a process without a web server: it answers for the loop, not for its own thread."""

import asyncio
from threading import Thread

import httpx
from blockbuster import BlockBuster

from sunsweep.cli.metrics_server import metrics_server


async def test_a_loop_that_stands_still_is_not_alive(blocking_calls: BlockBuster) -> None:
    blocking_calls.deactivate()
    said: list[tuple[int, str]] = []
    with metrics_server("127.0.0.1", 0, patience_s=0.2) as port:

        def ask() -> None:
            answer = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=20)
            said.append((answer.status_code, answer.json()["status"]))

        await asyncio.to_thread(ask)
        asker = Thread(target=ask)
        asker.start()
        asker.join()  # in the loop, which stands still meanwhile
        await asyncio.to_thread(ask)
    assert said == [(200, "ok"), (503, "the event loop stands still"), (200, "ok")]
