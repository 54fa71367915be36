"""The first SIGINT or SIGTERM ends in order, a second one at once."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, Final

INTERRUPTED: Final = 130


async def until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Run `work`; a signal cancels it, and that is no error. Its own errors are raised."""
    task = asyncio.create_task(work, name="work")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _end, task)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _end(task: asyncio.Task[None]) -> None:
    if task.cancelling():
        os._exit(INTERRUPTED)
    task.cancel()
