"""How far a run over many machines has come: asked for as long as anything is awaited. No controls in here."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import flet as ft

from sunsweep.app.figures.times import instant
from sunsweep.app.model import Model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.commands.tally import SHARES, Run, Share, run
from sunsweep.app.trouble import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE: Final = 50
ASK_S: Final = 1.5
"""Between two looks at a run that goes on."""
_NO_SUCH: Final = frozenset({404, 422})
"""An address that was cut or typed wrong has not even the form of a run's."""


@dataclass(frozen=True, slots=True)
class Part:
    """What has become of the run on one machine."""

    machine_id: str
    stage: int
    state: str
    reason: str
    changed_at: datetime | None


@dataclass(eq=False)
class PartNow(ft.Observable):
    """The row of a machine: drawn again when its part changes, and nothing else is."""

    part: Part


@dataclass(eq=False)
class RunNow(ft.Observable):
    """The head of the page."""

    run: Run | None = None
    trouble: str = ""
    is_missing: bool = False


def _part(row: dict[str, Any]) -> Part:
    changed = row["changed_at"]
    return Part(row["machine_id"], row["stage"], row["state"], row["reason"], instant(changed) if changed else None)


class Following:
    """Asks how far the run has come, calmly, as long as anything is awaited."""

    def __init__(self, model: Model, run_id: str) -> None:
        self.now = RunNow()
        self.parts: dict[str, PartNow] = {}
        self.order: tuple[str, ...] = ()
        self.next_cursor = ""
        self.is_listed = False
        self.draw: Callable[[], None] = lambda: None
        self._model = model
        self._run_id = run_id
        self._share = ""
        self._after = ""
        self._soon = asyncio.Event()

    def look_at(self, share: str, after: str) -> None:
        """Another filter or page of machines."""
        if (share, after) != (self._share, self._after):
            self._share, self._after = share, after
            self._soon.set()

    def ask_now(self) -> None:
        self._soon.set()

    async def run(self) -> None:
        """Until it is cancelled, when the page is left; what has ended is asked for again only on demand."""
        while True:
            self._soon.clear()
            await self._ask()
            if self.now.is_missing:
                return
            is_over = self.now.run is not None and self.now.run.is_over and not self.now.trouble
            try:
                await asyncio.wait_for(self._soon.wait(), None if is_over else ASK_S)
            except TimeoutError:
                continue

    async def _ask(self) -> None:
        api = self._model.api
        asked = (self._share, self._after)
        states = SHARES[Share(self._share)] if self._share else None
        try:
            told = run(await api.bulk_run(self._run_id))
            page = await api.bulk_targets(self._run_id, states=states, cursor=self._after, limit=PAGE)
        except (Refused, Away) as trouble:
            if isinstance(trouble, Refused) and trouble.status in _NO_SUCH:
                self.now.is_missing = True
                self.draw()
                return
            self.now.trouble = in_words(trouble)
            return
        if asked != (self._share, self._after):
            return
        self.now.run, self.now.trouble = told, ""
        self._take(list(map(_part, page.items)), page.next_cursor or "")

    def _take(self, parts: list[Part], next_cursor: str) -> None:
        order = tuple(part.machine_id for part in parts)
        for part in parts:
            known = self.parts.get(part.machine_id)
            if known is None:
                self.parts[part.machine_id] = PartNow(part)
            elif known.part != part:
                known.part = part
        if (order, next_cursor) != (self.order, self.next_cursor) or not self.is_listed:
            self.order, self.next_cursor, self.is_listed = order, next_cursor, True
            self.draw()
