"""What is typed of a company, and what of it can be sent."""

from collections.abc import Mapping
from typing import Any, Final

from sunsweep.app.words import _

_BOUNDS: Final = {"raw_retention_days": (1, 36_500), "command_life_s": (30, 604_800)}


def company_draft(row: Mapping[str, Any]) -> dict[str, Any]:
    """A company of the API, as one would have typed it; empty is the platform's own figure."""
    return {
        "name": row["name"],
        "custom_commands": row["custom_commands"],
        **{name: "" if row[name] is None else str(row[name]) for name in _BOUNDS},
    }


def read_company(draft: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What is to change, and what is wrong in which field, in words."""
    body: dict[str, Any] = {"name": draft["name"].strip(), "custom_commands": draft["custom_commands"]}
    wrong = {} if body["name"] else {"name": _("A company needs a name.")}
    for name, (least, most) in _BOUNDS.items():
        text = draft[name].strip()
        body[name] = int(text) if text.isdecimal() else None
        if text and not (text.isdecimal() and least <= int(text) <= most):
            wrong[name] = _("A whole number from {least} to {most}, or nothing.").format(least=least, most=most)
    return {name: value for name, value in body.items() if value != row[name]}, wrong
