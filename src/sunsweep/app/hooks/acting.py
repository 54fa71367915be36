"""What a person does from a page: one at a time, and what went wrong is said."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import flet as ft

from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.hooks.once import Once
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Acting:
    """`said` is why the last one did not work, and `field` what it is about; both empty where all is well."""

    said: str
    field: str
    is_busy: bool
    _say: Callable[[tuple[str, str]], None]
    _set_busy: Callable[[bool], None]
    _once: Once

    async def do(self, deed: Callable[[], Awaitable[_Done]]) -> _Done | None:
        """What came of it; None where nothing did."""
        done: list[_Done] = []

        async def doing() -> None:
            done.append(await deed())

        await self.tries(doing)
        return done[0] if done else None

    async def tries(self, deed: Callable[[], Awaitable[object]]) -> bool:
        """Whether it worked; the second half of a double click does nothing."""
        worked = False

        async def act() -> None:
            nonlocal worked
            self._set_busy(True)
            self._say(("", ""))
            try:
                await deed()
            except (Refused, Away) as trouble:
                self._say((in_words(trouble), trouble.field if isinstance(trouble, Refused) else ""))
            else:
                worked = True
            finally:
                self._set_busy(False)

        await self._once.do(act)
        return worked

    def forget(self) -> None:
        """Another dialog, or none."""
        self._say(("", ""))


def use_acting() -> Acting:
    """For one component."""
    (said, field), say = ft.use_state(("", ""))
    is_busy, set_busy = ft.use_state(False)
    return Acting(said, field, is_busy, say, set_busy, use_made(Once))
