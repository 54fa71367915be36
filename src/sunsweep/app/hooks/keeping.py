"""What a component keeps over its drawings."""

from collections.abc import Callable
from typing import TypeVar, cast

import flet as ft

_Kept = TypeVar("_Kept")
Wrong = dict[str, str]
"""What is wrong with which field, in words."""


def use_made(make: Callable[[], _Kept]) -> _Kept:
    """Made at the component's first drawing, and the same at each later one."""
    held: ft.MutableRef[_Kept] = ft.use_ref()
    if held.current is None:
        held.current = make()
    return cast("_Kept", held.current)


def use_maybe(_kind: type[_Kept]) -> tuple[_Kept | None, Callable[[_Kept | None], None]]:
    """One of a kind, and none at first."""

    def nothing() -> _Kept | None:
        return None

    return ft.use_state(nothing)


def use_list(_kind: type[_Kept]) -> tuple[list[_Kept], Callable[[list[_Kept]], None]]:
    """Some of a kind, and none at first."""

    def nothing() -> list[_Kept]:
        return []

    return ft.use_state(nothing)


def use_wrong() -> tuple[Wrong, Callable[[Wrong], None]]:
    """What is wrong with a form; nothing at first."""

    def nothing() -> Wrong:
        return {}

    return ft.use_state(nothing)


def use_redraw() -> Callable[[], None]:
    """What draws the component again: what it shows has changed from outside."""
    _drawn, draw = ft.use_state(0)
    return lambda: draw(lambda count: count + 1)
