"""Reads that may block, each line of sensors in a thread of its own, so that one that hangs holds up nobody."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from sunsweep.machine.drivers.raspberry.chip import Value
from sunsweep.machine.ports import HardwareError, Sense

Values = Mapping[Sense, Value | None]


class Line(Protocol):
    """Sensors on one bus."""

    name: str

    def look(self) -> Values:
        """Blocks. Raises `HardwareError` when the bus itself is dead."""
        ...


class Lane:
    """`patience_s`: how long one `read` waits; `limit_s`: how much waiting in all before the line counts as hanging.

    A read that outlives `patience_s` goes on, and the values known before stand for it until `limit_s`.
    """

    def __init__(self, line: Line, *, patience_s: float, limit_s: float) -> None:
        self._line = line
        self._patience_s = patience_s
        self._limit_s = limit_s
        self._known: Values = {}
        self._under_way: asyncio.Future[Values] | None = None
        self._waited_s = 0.0

    async def read(self) -> Values:
        """Raises `HardwareError` when the line is dead or hangs."""
        if self._under_way is None:
            self._under_way, self._waited_s = _in_thread(self._line.look, self._line.name), 0.0
        hangs = self._waited_s >= self._limit_s
        await asyncio.wait({self._under_way}, timeout=0 if hangs else self._patience_s)
        if self._under_way.done():
            done, self._under_way = self._under_way, None
            self._known = done.result()
            return self._known
        self._waited_s += self._patience_s
        if self._waited_s >= self._limit_s:
            raise HardwareError(f"{self._line.name} hangs")
        return self._known


def _in_thread(work: Callable[[], Values], name: str) -> asyncio.Future[Values]:
    """A daemon thread: one that hangs in the kernel does not keep the program from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Values] = loop.create_future()

    def run() -> None:
        try:
            values = work()
        except BaseException as error:  # noqa: BLE001  told to whoever waits
            _tell(loop, future, future.set_exception, error)
        else:
            _tell(loop, future, future.set_result, values)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def _tell(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Values], setter: Callable[[Any], None], outcome: object
) -> None:
    def settle() -> None:
        if not future.done():
            setter(outcome)

    # The loop may be closed by the time a hanging read ends.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(settle)
