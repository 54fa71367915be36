"""Fixtures that watch every test: no task left behind, no blocking call inside the event loop."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import BlockBuster, BlockBusterFunction

_TICKS_TO_END = 10


@pytest.fixture(autouse=True)
def no_task_left_behind(request: pytest.FixtureRequest) -> None:
    """Fail an async test that leaves a task behind. First set up, so the last to look."""
    function = getattr(request.node, "obj", None)
    if inspect.iscoroutinefunction(inspect.unwrap(function) if callable(function) else function):
        request.getfixturevalue("_task_watch")


@pytest.fixture
async def _task_watch() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    for _ in range(_TICKS_TO_END):  # what has been cancelled or closed may need a tick or two to end
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left:
            return
        await asyncio.sleep(0)
    for task in left:
        task.cancel()
    await asyncio.wait(left, timeout=5)
    names = ", ".join(sorted(f"{task.get_name()} ({task.get_coro()!r})" for task in left))
    pytest.fail(f"the test left tasks behind: {names}", pytrace=False)


@pytest.fixture(autouse=True)
def blocking_calls() -> Iterator[BlockBuster]:
    """Raise where our code blocks the event loop, and where anybody sleeps in it; `deactivate()` lifts it."""
    buster = BlockBuster("sunsweep")
    buster.functions["time.sleep"] = BlockBusterFunction(None, "time.sleep")
    # It asks for the working directory: no disk is touched.
    del buster.functions["os.path.abspath"]
    for function in buster.functions.values():
        function.can_block_in("server/db/migrate.py", {"_upgrade"})
    buster.activate()
    yield buster
    buster.deactivate()
