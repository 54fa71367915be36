"""Which component it is, and when it is drawn again."""

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

import flet as ft

_P = ParamSpec("_P")
_Drawn = TypeVar("_Drawn")
_Component = TypeVar("_Component", bound=Callable[..., ft.Control])


def keyed(component: Callable[_P, _Drawn], key: str) -> Callable[_P, _Drawn]:
    """The component under a name among its neighbours: with another one it is another component, with its own state."""
    return cast("Callable[_P, _Drawn]", partial(cast("Any", component), key=key))


def unless_same(component: _Component) -> _Component:
    """Not drawn again with what is around it while its arguments are the same; what it watches still draws it."""
    return cast("_Component", ft.memo(component))  # type: ignore[no-untyped-call]  # it has no types
