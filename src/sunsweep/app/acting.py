"""What a person has done from a page: one at a time, and what went wrong is said."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import flet as ft

from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

_Done = TypeVar("_Done")


@dataclass(frozen=True)
class Acting:
    """`said` is why the last one did not work, and `field` what it is about; both empty where all is well."""

    said: str
    field: str
    is_busy: bool
    set_said: Callable[[tuple[str, str]], None]
    set_busy: Callable[[bool], None]

    async def do(self, deed: Awaitable[_Done]) -> _Done | None:
        """What came of it; None where nothing did."""
        self.set_busy(True)
        self.set_said(("", ""))
        try:
            return await deed
        except (Refused, Away) as trouble:
            self.set_said((in_words(trouble), trouble.field if isinstance(trouble, Refused) else ""))
            return None
        finally:
            self.set_busy(False)

    def forget(self) -> None:
        """Another dialog, or none."""
        self.set_said(("", ""))


def use_acting() -> Acting:
    """For one component."""
    said: tuple[tuple[str, str], Any] = ft.use_state(("", ""))
    busy: tuple[bool, Any] = ft.use_state(False)
    return Acting(*said[0], busy[0], said[1], busy[1])
