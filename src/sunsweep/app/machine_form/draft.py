"""What a person types of a machine, by the API's names, and what of it can be sent."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from sunsweep.app.words import _

Draft = dict[str, str]

NEW: Final[Draft] = {
    "machine_id": "",
    "name": "",
    "model": "",
    "tags": "",
    "lat": "",
    "lon": "",
    "expected_interval_s": "60",
}
_SERIAL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER: Final = r"[+-]?\d{1,3}(?:\.\d+)?"
_PAIR: Final = re.compile(rf"\s*({_NUMBER})\s*[,;\s]\s*({_NUMBER})\s*")
_MOST_DEGREES: Final = {"lat": 90.0, "lon": 180.0}
_LONGEST_S: Final = 86_400


def draft_of(row: Mapping[str, Any]) -> Draft:
    """A machine of the API, as one would have typed it."""
    draft = {
        "name": row["name"],
        "model": row["model"],
        "tags": ", ".join(row["tags"]),
        "lat": _degrees(row["lat"]),
        "lon": _degrees(row["lon"]),
        "expected_interval_s": str(row["expected_interval_s"]),
    }
    if "notes" in row:
        draft["notes"] = row["notes"] or ""
    return draft


def take_pair(draft: Draft) -> bool:
    """Whether a place as maps write it, `41.387, 2.17`, stood in the first field: now each has its own."""
    found = _PAIR.fullmatch(draft["lat"])
    if found is None or "." not in draft["lat"]:
        return False
    draft["lat"], draft["lon"] = found[1], found[2]
    return True


def read(draft: Draft) -> tuple[dict[str, Any], dict[str, str]]:
    """What can be sent, and what is wrong in which field, in words. The rest is for the server to say."""
    wrong: dict[str, str] = {}
    body: dict[str, Any] = {name: draft[name].strip() for name in ("name", "model", "notes") if name in draft}
    if "machine_id" in draft:
        body["machine_id"] = draft["machine_id"].strip()
        if not _SERIAL.fullmatch(body["machine_id"]):
            wrong["machine_id"] = _("1 to 64 letters, digits, - and _, as on the machine's plate.")
    body["tags"] = list(dict.fromkeys(tag for part in draft["tags"].split(",") if (tag := part.strip())))
    for name, most in _MOST_DEGREES.items():
        body[name] = _read_degrees(draft[name])
        if draft[name].strip() and (body[name] is None or abs(body[name]) > most):
            wrong[name] = _("Degrees from {least} to {most}, such as {example}.").format(
                least=f"{-most:.0f}", most=f"{most:.0f}", example="41.387" if name == "lat" else "2.17"
            )
    if not wrong.keys() & _MOST_DEGREES.keys() and (body["lat"] is None) != (body["lon"] is None):
        wrong["lat" if body["lat"] is None else "lon"] = _("A place needs both figures.")
    try:
        body["expected_interval_s"] = int(draft["expected_interval_s"].strip())
    except ValueError:
        body["expected_interval_s"] = 0
    if not 1 <= body["expected_interval_s"] <= _LONGEST_S:
        wrong["expected_interval_s"] = _("Whole seconds, from 1 to {most}.").format(most=_LONGEST_S)
    return body, wrong


def changes(body: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Only what differs from the machine of the API: what others change meanwhile stays."""
    return {name: value for name, value in body.items() if value != row[name]}


def _degrees(value: float | None) -> str:
    return "" if value is None else repr(value).removesuffix(".0")


def _read_degrees(text: str) -> float | None:
    """A decimal comma is one too."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if isfinite(value) else None
