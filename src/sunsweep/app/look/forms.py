"""What forms have in common: their columns, and where a refusal is told."""

from collections.abc import Mapping
from typing import Any, Final

import flet as ft

from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

Columns = dict[str | ft.ResponsiveRowBreakpoint, int | float]
HALF: Final[Columns] = {"xs": 12, "md": 6}
WHOLE: Final = 12


def told(trouble: Refused | Away, names: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The server's words, beside the fields that they are about; else for under the button."""
    if isinstance(trouble, Refused):
        beside = {one.field.partition(".")[0]: one.message for one in trouble.errors}
        if not beside and trouble.field:
            beside = {trouble.field.partition(".")[0]: in_words(trouble)}
        if beside and beside.keys() <= names.keys():
            return beside, ""
    return {}, in_words(trouble)
