"""The commands of one machine: what the API has told of them, and what the socket has said since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sunsweep.app.live.command_now import CommandNow, newer
from sunsweep.app.net.server_clock import read_ms

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a command's state."""

    state: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Told:
    """A command as a list shows it; `given_by` is empty until the API has been asked."""

    now: CommandNow
    is_open: bool = False
    given_by: str = ""
    given_ms: int | None = None
    expires_ms: int | None = None
    params: tuple[tuple[str, Any], ...] = ()
    steps: tuple[Step, ...] = ()


class CommandBook:
    """Ids are in the order of the commands, so the list needs no times to be in order."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def ids(self) -> tuple[str, ...]:
        """The newest first."""
        return tuple(sorted(self._told, reverse=True))

    def get(self, command_id: str) -> Told | None:
        return self._told.get(command_id)

    def lacking(self) -> list[str]:
        """Those of which only the socket has spoken."""
        return [command_id for command_id, told in self._told.items() if told.given_ms is None]

    def take_rows(self, rows: Iterable[Json]) -> None:
        """Commands of the API, with their history or without; what is known of later stays."""
        for row in rows:
            self._take_row(row)

    def take_now(self, commands: Iterable[CommandNow]) -> bool:
        """What the socket has said; whether it was news."""
        is_news = False
        for told in commands:
            known = self._told.get(told.id)
            now = told if known is None else newer(known.now, told)
            if known is None:
                self._told[told.id] = Told(now)
            elif now != known.now:
                self._told[told.id] = _moved(known, now)
            else:
                continue
            is_news = True
        return is_news

    def _take_row(self, row: Json) -> None:
        told = CommandNow(row["id"], row["command"], row["state"], read_ms(row["changed_at"]) or 0, row["reason"] or "")
        known = self._told.get(told.id)
        now = told if known is None else newer(known.now, told)
        steps = tuple(Step(one["state"], one["reason"], read_ms(one["at"]) or 0) for one in row.get("history", ()))
        if known is not None and len(known.steps) > len(steps):
            steps = known.steps
        self._told[told.id] = Told(
            now,
            is_open=row["open"] and not now.has_ended,
            given_by=row["issued_by_name"],
            given_ms=read_ms(row["issued_at"]),
            expires_ms=read_ms(row["expires_at"]),
            params=tuple(sorted(row["params"].items())),
            steps=steps,
        )


def _moved(known: Told, now: CommandNow) -> Told:
    steps = known.steps
    if steps and (steps[-1].state, steps[-1].reason) != (now.state, now.reason):
        steps = (*steps, Step(now.state, now.reason, now.at_ms))
    return Told(
        now,
        is_open=known.is_open and not now.has_ended,
        given_by=known.given_by,
        given_ms=known.given_ms,
        expires_ms=known.expires_ms,
        params=known.params,
        steps=steps,
    )
