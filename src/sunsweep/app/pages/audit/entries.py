"""The audit log's entries, and the address that asks for some of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sunsweep.app.addresses import address, asked
from sunsweep.app.look.deeds import ACTIONS, OUTCOMES

DAYS: Final = (1, 7, 30)
"""Spans that one asks for; none is all that is kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what, to what, and whether it was allowed."""

    id: int
    at: str
    actor_kind: str
    actor: str
    """As it was called then; empty for nobody known."""
    address: str
    action: str
    object: str
    outcome: str
    detail: Mapping[str, Any]


def entry(item: Mapping[str, Any]) -> Entry:
    """An item of `GET /audit`."""
    actor = item["actor"]
    return Entry(
        item["id"],
        item["at"],
        actor["kind"],
        actor["name"],
        actor["address"],
        item["action"],
        item["object"],
        item["outcome"],
        item["detail"],
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page's address asks for; `days` is empty or one of `DAYS`, `before` a cursor."""

    actor: str = ""
    action: str = ""
    outcome: str = ""
    object: str = ""
    days: str = ""
    before: str = ""

    @property
    def address(self) -> str:
        return address(
            "/audit",
            actor=self.actor,
            action=self.action,
            outcome=self.outcome,
            object=self.object,
            days=self.days,
            before=self.before,
        )

    def begin(self, now_ms: int) -> str | None:
        """Where its span begins, as the API has it; None: with the first entry that is kept."""
        if not self.days:
            return None
        begin = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(days=int(self.days))
        return begin.isoformat(timespec="seconds")


def wish_of(route: str) -> Wish:
    """Of an address; what there is not counts as not said."""
    action, outcome, days, before = (asked(route, name) for name in ("action", "outcome", "days", "before"))
    return Wish(
        asked(route, "actor"),
        action if action in ACTIONS else "",
        outcome if outcome in OUTCOMES else "",
        asked(route, "object"),
        days if days in map(str, DAYS) else "",
        before if before.isdecimal() else "",
    )


def detail_lines(detail: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    """Each field with its value, or with its old and its new one, as texts."""
    lines: list[tuple[str, str, str | None]] = []
    for name, value in detail.items():
        if isinstance(value, list) and len(value) == 2:
            lines.append((name, as_text(value[0]), as_text(value[1])))
        else:
            lines.append((name, as_text(value), None))
    return lines


def as_text(value: Any) -> str:
    """A JSON value as one reads it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(as_text(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {as_text(one)}" for name, one in value.items())
    return str(value)
