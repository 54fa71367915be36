"""A cancellation is obeyed also where what is under way has lost it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from sunsweep.server.db.within import within


async def loses_it() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def answers_with_an_error() -> None:
    await loses_it()
    raise OSError("the connection was lost")


@pytest.mark.parametrize("seconds", [None, 30])
@pytest.mark.parametrize("work", [loses_it, answers_with_an_error])
async def test_a_cancellation_that_was_lost_counts_at_the_end(
    work: Callable[[], Awaitable[None]], seconds: float | None
) -> None:
    async def for_ever() -> None:
        while True:
            with suppress(OSError):
                async with within(seconds):
                    await work()

    task = asyncio.create_task(for_ever())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert task.cancelled()


async def test_what_cleans_up_after_a_cancellation_goes_on() -> None:
    done = False

    async def cleans_up() -> None:
        nonlocal done
        try:
            await asyncio.Event().wait()
        finally:
            async with within(5):
                done = True

    task = asyncio.create_task(cleans_up())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done


async def test_the_limit_is_told_as_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with within(0.01):
            await asyncio.Event().wait()
