"""A limit in time for one piece of work on the database, also where its network has gone silent.

SQLAlchemy sees the closing of a session through, whoever cancels it, and closing may have to ask the server. So what
goes on a moment after a cancellation, whether the limit's own or another's, has its connections cut.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

from sqlalchemy import Engine, event

_GRACE_S: Final = 1.0
_in_use: ContextVar[dict[int, asyncio.Transport] | None] = ContextVar("_in_use", default=None)


@asynccontextmanager
async def within(seconds: float | None) -> AsyncIterator[None]:
    """Raises `TimeoutError` after so long; None is no limit. A cancellation that came meanwhile counts at the end.

    Until Python 3.12 `wait_for`, with which the driver connects, may answer one with a connection or another error.
    """
    task = asyncio.current_task()
    asked = task.cancelling() if task is not None else 0
    before, in_use = _in_use.get(), dict[int, asyncio.Transport]()
    _in_use.set(in_use)

    def is_cancelled() -> bool:
        return task is not None and task.cancelling() > asked

    cutter = _Cutter(in_use, is_cancelled)
    try:
        async with asyncio.timeout(seconds):
            yield
    except Exception as error:
        if is_cancelled():
            raise asyncio.CancelledError from error
        raise
    finally:
        cutter.stop()
        _in_use.set(before)
    if is_cancelled():
        raise asyncio.CancelledError


class _Cutter:
    """Looks now and then, since nobody is told of a cancellation that finds a session closing already."""

    def __init__(self, in_use: dict[int, asyncio.Transport], is_cancelled: Callable[[], bool]) -> None:
        self._in_use = in_use
        self._is_cancelled = is_cancelled
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(_GRACE_S, self._look)

    def _look(self) -> None:
        then = self._cut if self._is_cancelled() else self._look
        self._next = self._loop.call_later(_GRACE_S, then)

    def _cut(self) -> None:
        for transport in self._in_use.values():
            transport.abort()

    def stop(self) -> None:
        self._next.cancel()


def watch(engine: Engine) -> None:
    """Have `within` know which of an asyncmy engine's connections are in use where."""

    @event.listens_for(engine, "checkout")
    def note(connection: Any, _record: object, _proxy: object) -> None:
        if (in_use := _in_use.get()) is not None:
            in_use[id(connection)] = connection.driver_connection._transport  # noqa: SLF001  nothing public ends it at once

    @event.listens_for(engine, "checkin")
    def forget(connection: Any, _record: object) -> None:
        if (in_use := _in_use.get()) is not None:
            in_use.pop(id(connection), None)
