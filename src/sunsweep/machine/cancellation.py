"""A cancellation is obeyed also where a library has lost it."""

import asyncio


def obey() -> None:
    """Raise it again: until Python 3.12, `wait_for` and `TaskGroup` lose one that meets an answer or an error."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
