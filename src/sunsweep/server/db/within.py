"""A limit in time for one piece of work on the database, also where its network has gone silent.

SQLAlchemy sees the closing of a session through, whoever cancels it, and closing may have to ask the server. So a
cancellation comes first, and a moment later the connections are cut.
"""

import asyncio
from collections.abc import AsyncIterator
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
    cut = None if seconds is None else asyncio.get_running_loop().call_later(seconds + _GRACE_S, _cut, in_use)
    try:
        async with asyncio.timeout(seconds):
            yield
    except Exception as error:
        if task is not None and task.cancelling() > asked:
            raise asyncio.CancelledError from error
        raise
    finally:
        if cut is not None:
            cut.cancel()
        _in_use.set(before)
    if task is not None and task.cancelling() > asked:
        raise asyncio.CancelledError


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


def _cut(in_use: dict[int, asyncio.Transport]) -> None:
    for transport in in_use.values():
        transport.abort()
