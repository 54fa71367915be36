"""Faults of the app, told to whoever can mend them: nobody reads the console of a browser.

In the browser they go to the page around the app, which posts the first few of them to the server's log; elsewhere to
the program's own log.
"""

import asyncio
import importlib
import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

import flet as ft
from flet.messaging.session import Session

MESSAGE_CHARACTERS: Final = 500
TRACEBACK_CHARACTERS: Final = 8000
_GONE: Final = "Control must be added to the page first"
"""Flet, of an event whose control has just been taken off the page: nobody's fault, and nothing is lost."""
_log: Final = logging.getLogger(__name__)


def watch(page: ft.Page) -> None:
    """From here on, what fails in a handler, an effect, a task or a drawing is told, and the page lives on.

    Made for `ft.run(before_main=…)`: before anything is drawn.
    """
    sys.excepthook = _uncaught
    logging.getLogger("flet").addFilter(_is_a_fault)
    asyncio.get_running_loop().set_exception_handler(_in_loop)
    session = page.session
    # Flet would put an error page without a way on in place of everything.
    session.error = _in_flet  # type: ignore[method-assign]  # Flet has no other way in
    session.start_updates_scheduler = _restarting(session)  # type: ignore[method-assign]  # nor here


def tell(error: BaseException) -> None:
    """Report a fault that has been dealt with as far as the user goes."""
    _report(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


def _restarting(session: Session) -> Callable[[], None]:
    """The task that draws ends at the first component that fails, and without a word: every later change is lost."""
    start: Callable[[], None] = session.start_updates_scheduler

    def restart() -> None:
        start()
        task: asyncio.Task[None] = session._Session__updates_task  # type: ignore[attr-defined]  # noqa: SLF001  its end is told nobody
        task.add_done_callback(ended)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            tell(error)
            restart()

    return restart


def _is_a_fault(record: logging.LogRecord) -> bool:
    return record.exc_info is None or _GONE not in str(record.exc_info[1])


def _in_flet(message: str) -> None:
    """What Flet caught itself: the error's words, and its traceback below them."""
    if _GONE in message:
        return
    _report(message.partition("\n")[0], message)


def _in_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is None:
        loop.default_exception_handler(context)
        _report(str(context.get("message")), "")
    else:
        tell(error)


def _uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    tell(error)


def _report(message: str, trace: str) -> None:
    # The end of a traceback is what names the fault.
    message, trace = message[:MESSAGE_CHARACTERS], trace[-TRACEBACK_CHARACTERS:]
    if sys.platform == "emscripten":
        importlib.import_module("sunsweep_page").report(message, trace)
    else:
        _log.error("%s\n%s", message, trace)
