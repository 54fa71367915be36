"""Turns among the tabs of a browser, by the Web Locks API; workers have it too."""

from typing import Any, Final

from js import navigator
from pyodide.ffi import create_proxy

from sunsweep.app.net.turns import Work

LOCK: Final = "sunsweep-renew"


async def among_tabs(work: Work) -> None:
    """Does the work in turn; where the browser has no locks (a page over plain HTTP from afar), at once."""
    locks = getattr(navigator, "locks", None)
    if locks is None:
        await work()
        return
    raised: list[Exception] = []

    async def held(_lock: Any) -> None:
        # An exception would come back as one of JavaScript's.
        try:
            await work()
        except Exception as error:  # noqa: BLE001  raised below
            raised.append(error)

    callback = create_proxy(held)
    try:
        await locks.request(LOCK, callback)
    finally:
        callback.destroy()
    if raised:
        raise raised[0]
