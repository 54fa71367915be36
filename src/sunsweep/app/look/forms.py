"""What forms have in common: their columns, and where a refusal is told."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import flet as ft

from sunsweep.app.hooks.keeping import Wrong, use_wrong
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

_Sent = TypeVar("_Sent")
Columns = dict[str | ft.ResponsiveRowBreakpoint, int | float]
HALF: Final[Columns] = {"xs": 12, "md": 6}
WHOLE: Final = 12


def _told(trouble: Refused | Away, names: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The server's words, beside the fields that they are about; else for under the button."""
    if isinstance(trouble, Refused):
        beside = {one.field.partition(".")[0]: one.message for one in trouble.errors}
        if not beside and trouble.field:
            beside = {trouble.field.partition(".")[0]: in_words(trouble)}
        if beside and beside.keys() <= names.keys():
            return beside, ""
    return {}, in_words(trouble)


@dataclass(frozen=True, slots=True)
class Sending:
    """What is wrong with which field, and what is said under the button."""

    wrong: Wrong
    said: str
    _set_wrong: Callable[[Wrong], None]
    _set_said: Callable[[str], None]

    def is_right(self, found: Wrong) -> bool:
        """Whether nothing was found before anything is sent; what was found is told beside its field."""
        self._set_wrong(found)
        self._set_said("")
        return not found

    async def send(self, draft: Mapping[str, Any], call: Callable[[], Awaitable[_Sent]]) -> _Sent | None:
        """The server's answer; None where it refused, or could not be asked: that is told where it belongs."""
        try:
            return await call()
        except (Refused, Away) as trouble:
            beside, words = _told(trouble, draft)
            self._set_wrong(beside)
            self._set_said(words)
            return None


def use_sending() -> Sending:
    """For one form."""
    wrong, set_wrong = use_wrong()
    said, set_said = ft.use_state("")
    return Sending(wrong, said, set_wrong, set_said)
