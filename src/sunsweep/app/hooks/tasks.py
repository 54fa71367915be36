"""What runs as long as a component is there."""

from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import flet as ft

from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.model import use_model

if TYPE_CHECKING:
    from concurrent.futures import Future


def use_running(run: Callable[[], Coroutine[Any, Any, None]], of: Sequence[Hashable] = ()) -> None:
    """Runs from the component's first drawing until it goes, and anew when `of` is another."""
    page = use_model().page
    held = use_made(_Held)

    def begin() -> None:
        held.end()
        held.running = page.run_task(run)

    ft.use_effect(begin, list(of), held.end)


class _Held:
    """A component's task, over its drawings."""

    def __init__(self) -> None:
        self.running: Future[None] | None = None

    def end(self) -> None:
        if self.running is not None:
            self.running.cancel()
            self.running = None
