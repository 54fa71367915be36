"""What components of several pages need beside Flet's own hooks, with types."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import flet as ft

from sunsweep.app.model import use_model

if TYPE_CHECKING:
    from concurrent.futures import Future

_P = ParamSpec("_P")
_Made = TypeVar("_Made")


def keyed(component: Callable[_P, _Made], key: str) -> Callable[_P, _Made]:
    """The component under a name among its neighbours: with another one it is another component, with its own state."""
    return cast("Callable[_P, _Made]", partial(cast("Any", component), key=key))


def use_made(make: Callable[[], _Made]) -> _Made:
    """Made at the component's first drawing, and kept over all others."""
    found: tuple[_Made, Any] = ft.use_state(cast("Any", make))
    return found[0]


def use_draw() -> Callable[[], None]:
    """What draws the component again."""
    drawing: Any = ft.use_state(0)[1]

    def draw() -> None:
        drawing(lambda count: count + 1)

    return draw


def use_running(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs from the component's first drawing until it goes."""
    page = use_model().page
    held = use_made(_Held)

    def begin() -> None:
        held.running = page.run_task(run)

    def end() -> None:
        if held.running is not None:
            held.running.cancel()

    ft.use_effect(begin, [], end)


class _Held:
    """A component's task, over its drawings."""

    def __init__(self) -> None:
        self.running: Future[None] | None = None
