"""What may come of a call but its answer."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sunsweep.app.net.http import Answer


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field that was refused, and what the server says of it."""

    field: str
    message: str


@dataclass(eq=False)
class Refused(Exception):  # noqa: N818  it is the server's word, not a fault
    """The server's no: its problem document (RFC 9457)."""  # not frozen: Python writes tracebacks into exceptions

    status: int
    code: str
    """Stable, like `stop_unconfirmed`; words for people are chosen by it."""
    title: str
    detail: str
    field: str = ""
    """The one that is wrong; empty where it is not about a field."""
    errors: tuple[Wrong, ...] = ()
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The rest of the document."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds until it may be tried again, where the server says so."""
        return _number(self.fields.get("retry_after_s"))


class Why(StrEnum):
    """Why nothing came of a call."""

    NETWORK = "network"
    TIMEOUT = "timeout"
    BUSY = "busy"
    """503: the server is there, and what it needs is not."""
    SERVER = "server"
    """Any other 5xx, or an answer that is none of ours."""


@dataclass(eq=False)
class Away(Exception):  # noqa: N818  as `Refused`
    """Nobody decided: whether a write was done is not known, and the same call may be made again."""

    why: Why
    detail: str = ""
    retry_after_s: float | None = None


def failure(answer: Answer) -> Refused | Away:
    """What an answer of 400 or more means."""
    problem = _problem(answer)
    if answer.status >= 500:
        why = Why.BUSY if answer.status == 503 else Why.SERVER
        return Away(why, str(problem.get("detail", "")), _number(answer.headers.get("retry-after")))
    known = {"type", "status", "code", "title", "detail", "field", "errors"}
    return Refused(
        answer.status,
        str(problem.get("code", "")),
        str(problem.get("title", "")),
        str(problem.get("detail", "")),
        str(problem.get("field", "")),
        tuple(Wrong(str(one.get("field", "")), str(one.get("message", ""))) for one in problem.get("errors", ())),
        {name: value for name, value in problem.items() if name not in known},
    )


def _problem(answer: Answer) -> dict[str, Any]:
    """Empty where something between us and the server answered in its place."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
