"""A cancellation is obeyed also where a library has lost it."""

import asyncio
from typing import Any, Final

AGAIN_S: Final = 3.0
"""Longer than a farewell takes."""


def obey() -> None:
    """Raise it again: until Python 3.12 `wait_for` loses one that meets the answer.

    For a task's own body only: a task that has had a failing `TaskGroup` counts as cancelled for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, again and again until they have ended; for who waits for tasks of a library's making."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_S)
