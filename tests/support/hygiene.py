"""Fixtures that watch every test: no task left behind, no blocking call in the event loop, no unbounded history."""

import asyncio
import inspect
import logging
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType

import greenlet
import pytest
from blockbuster import BlockBuster, BlockBusterFunction
from sqlalchemy import Engine, event

_TICKS_TO_END = 10
_HISTORY = re.compile(r"\b(FROM|JOIN|UPDATE) +[`\"]?telemetry\b", re.IGNORECASE)
_AUDIT_CHANGED = re.compile(
    r"\b(UPDATE|DELETE|REPLACE|TRUNCATE)\b.*\baudit_entry\b|\baudit_entry\b.*\bUPDATE\b", re.DOTALL
)
_BOUND = re.compile(r"\bts[`\"]? *(<|>|BETWEEN)", re.IGNORECASE)
_TESTS = str(Path(__file__).parent.parent)


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
def no_log_left_behind() -> Iterator[None]:
    """A verb that runs in this process sends the log to a stderr that pytest closes after the test."""
    yield
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)


@pytest.fixture(autouse=True)
def blocking_calls() -> Iterator[BlockBuster]:
    """Raise where our code blocks the event loop, and where anybody sleeps in it; `deactivate()` lifts it."""
    buster = BlockBuster("sunsweep")
    buster.functions["time.sleep"] = BlockBusterFunction(None, "time.sleep")
    # It asks for the working directory: no disk is touched.
    del buster.functions["os.path.abspath"]
    for function in buster.functions.values():
        function.can_block_in("server/db/migrate.py", {"_upgrade"})
        # One short write in 30 s, without which a message would not be safe when `put` returns (bench/machine_wear.py).
        function.can_block_in("machine/disk.py", {"__init__", "_prepare", "_rows", "save", "close"})
        function.can_block_in("machine/disk.py", {"open_disk", "_move_aside"})
        # The program reads it before its loop begins; only tests make machines within one.
        function.can_block_in("machine/remote_settings.py", {"_recall"})
    buster.activate()
    yield buster
    buster.deactivate()


@pytest.fixture(autouse=True)
def bounded_history() -> Iterator[None]:
    """Fail a test in which the product asks `telemetry` without a bound in time; the test itself may see all of it."""
    unbounded: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if _HISTORY.search(statement) and not _BOUND.search(statement) and not _asked_by_a_test():
            unbounded.append(statement)

    event.listen(Engine, "before_cursor_execute", look)
    yield
    event.remove(Engine, "before_cursor_execute", look)
    if unbounded:
        pytest.fail(f"telemetry without a bound in time: {unbounded[0]}", pytrace=False)


@pytest.fixture(autouse=True)
def audit_log_only_grows() -> Iterator[None]:
    """Fail a test in which the product changes an entry of the audit log, or takes one away."""
    changed: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "audit_entry" in statement and _AUDIT_CHANGED.search(statement) and not _asked_by_a_test():
            changed.append(statement)

    event.listen(Engine, "before_cursor_execute", look)
    yield
    event.remove(Engine, "before_cursor_execute", look)
    if changed:
        pytest.fail(f"the audit log only grows: {changed[0]}", pytrace=False)


def _asked_by_a_test() -> bool:
    """Whether a test stands next to the statement, with no code of ours in between."""
    for frame in _frames():
        if frame.f_globals.get("__name__", "").startswith("sunsweep."):
            return False
        if frame.f_code.co_filename.startswith(_TESTS) and frame.f_globals.get("__name__") != __name__:
            return True
    return False


def _frames() -> Iterator[FrameType]:
    """From here outwards, also out of the greenlet that an asynchronous statement runs in."""
    frame: FrameType | None = sys._getframe(1)
    here = greenlet.getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and here.parent is not None:
            here = here.parent
            frame = here.gr_frame
