"""An event loop whose time passes when nothing else is left to do, and processes in it that can be frozen or killed."""

import asyncio
import heapq
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from enum import StrEnum
from typing import Any

PROCESS: ContextVar["Process | None"] = ContextVar("PROCESS", default=None)
"""Whose code it is that runs; None is the world around."""


class Point(StrEnum):
    """Where a process may be paused or killed."""

    STEP = "between two of its awaits"
    COMMIT = "before a commit"
    COMMITTED = "after a commit"
    PUBLISH = "before a publish"
    PUBACK = "after the broker's answer"


class Deadlock(Exception):  # noqa: N818  what it is called
    """Nothing is ready, and nothing ever will be."""


class Process:
    """What would be a process of its own: its tasks stop together, between any two of their awaits."""

    def __init__(self, loop: "VirtualLoop", name: str, *, world: Any) -> None:
        self.name = name
        self.world = world
        self.frozen = False
        self.frozen_at_s = 0.0
        self.dead = False
        self.tasks: list[asyncio.Task[Any]] = []
        self._loop = loop
        self._context = Context()
        self._context.run(PROCESS.set, self)
        self._kept: list[asyncio.Handle] = []
        self._fuse: tuple[Point, int, Callable[[], None]] | None = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=self.name, context=self._context.copy())
        self.tasks.append(task)
        return task

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """As its own code, and only once it runs again where it is frozen."""
        self._loop.call_soon(function, *arguments, context=self._context)

    def arm(self, point: Point, count: int, then: Callable[[], None]) -> None:
        """When it comes to `point` for the `count`-th time, `then` freezes or kills it."""
        self._fuse = (point, count, then)

    def passes(self, point: Point) -> bool:
        """It has come to `point`; whether that was where it was to be stopped."""
        if self._fuse is None or self._fuse[0] is not point:
            return False
        _, count, then = self._fuse
        self._fuse = (point, count - 1, then)
        if count > 1:
            return False
        self._fuse = None
        then()
        return True

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        self._fuse = None
        for handle in self._kept:
            self._loop.make_ready(handle)
        self._kept.clear()

    def keeps(self, handle: asyncio.Handle) -> bool:
        """Whether this handle has to wait until the process runs again."""
        if not self.frozen:
            self.passes(Point.STEP)
        if self.frozen:
            self._kept.append(handle)
        return self.frozen


async def come_to(point: Point) -> None:
    """The process of the running code has come to `point`, and may not come any further."""
    process = PROCESS.get()
    if process is not None and process.passes(point):
        await asyncio.sleep(0)


class VirtualLoop(BaseEventLoop):
    """No sockets, no threads, no waiting: the same work always runs in the same order."""

    _ready: deque[Any]
    _scheduled: list[Any]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 1000.0
        self.troubles: list[str] = []
        """What nobody caught."""
        self.set_exception_handler(self._trouble)

    def time(self) -> float:
        return self._now_s

    def make_ready(self, handle: asyncio.Handle) -> None:
        self._ready.append(handle)

    async def run_in_executor(self, _executor: object, function: Any, *arguments: Any) -> Any:  # type: ignore[override]  # no threads here
        return function(*arguments)

    def _trouble(self, _loop: object, about: dict[str, Any]) -> None:
        self.troubles.append(f"{about.get('message')}: {about.get('exception')!r}")

    def _run_once(self) -> None:
        self._drop_cancelled()
        if not self._ready and not self._stopping:
            if not self._scheduled:
                raise Deadlock
            self._now_s = max(self._now_s, self._scheduled[0].when())
        while self._scheduled and self._scheduled[0].when() <= self._now_s:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)
        for _ in range(len(self._ready)):
            self._run(self._ready.popleft())

    def _run(self, handle: Any) -> None:
        process = handle._context.get(PROCESS)
        if not handle.cancelled() and not (process is not None and process.keeps(handle)):
            handle._run()

    def _drop_cancelled(self) -> None:
        while self._scheduled and self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)._scheduled = False

    def _write_to_self(self) -> None:
        """Nobody waits for anything from outside."""

    def _process_events(self, event_list: object) -> None:
        """There are none."""
