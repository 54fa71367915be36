"""A cancellation is obeyed also where a library has lost it."""

import asyncio


def obey() -> None:
    """Raise it again: until Python 3.12 `wait_for` loses one that meets the answer.

    For a task's own body only: a task that has had a failing `TaskGroup` counts as cancelled for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
