"""A command for many while it is written: what is filled in, and what the server says would happen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import flet as ft

from sunsweep.app.look.refusals import problem_words
from sunsweep.app.model import Model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.commands.choosing import Choice, Terms
from sunsweep.app.parameters import Field, FieldKind, fields, read
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _
from sunsweep.contract.commands import is_stop_like

Json = Mapping[str, Any]

PAGE: Final = 50
LOOK_AGAIN: Final = frozenset({"confirmation_needed", "machines_changed"})
_PARAMS: Final = "params."

VALID: Final = Field("valid_min", FieldKind.INTEGER, 1, 10_080, unit="min")
STAGE: Final = Field("stage_size", FieldKind.INTEGER, 1, 1_000_000)
ABORT: Final = Field("abort_after", FieldKind.INTEGER, 1, 1_000_000)
"""The API's bounds (`docs/openapi.json`, BulkWish); it counts how long a command is valid in seconds."""


@dataclass(eq=False)
class Choosing(ft.Observable):
    """Which machines."""

    choice: Choice = field(default_factory=Choice)
    sought: str = ""


@dataclass(eq=False)
class Ordering(ft.Observable):
    """What they are told."""

    command: str = ""
    entered: tuple[tuple[str, str], ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    said: str = ""
    """What is wrong with the rest."""
    offered: tuple[Json, ...] = ()
    """Of the catalogues of these machines' models."""

    @property
    def is_stop(self) -> bool:
        return is_stop_like(self.command)

    @property
    def chosen(self) -> Json | None:
        return next((one for one in self.offered if one["command"] == self.command), None)

    @property
    def form(self) -> tuple[Field, ...]:
        """What the command takes."""
        return fields(self.chosen["params_schema"]) if self.chosen else ()

    @property
    def values(self) -> dict[str, str]:
        return dict(self.entered)

    def enter(self, name: str, value: str) -> None:
        self.entered = tuple({**self.values, name: value}.items())
        self.faults = tuple((known, fault) for known, fault in self.faults if known != name)


@dataclass(eq=False)
class Looking(ft.Observable):
    """What would happen, by the last dry run; gone as soon as anything else is filled in."""

    terms: Terms | None = None
    answer: Json | None = None
    refused_only: bool = False
    cursor: str = ""
    said: str = ""
    is_busy: bool = False


@dataclass(eq=False)
class Draft:
    """The whole form of one page."""

    model: Model
    choosing: Choosing = field(default_factory=Choosing)
    ordering: Ordering = field(default_factory=Ordering)
    looking: Looking = field(default_factory=Looking)

    def choose(self, choice: Choice) -> None:
        self.choosing.choice = choice
        self.forget()

    def order(self, command: str) -> None:
        """Another command takes other parameters."""
        self.ordering.command = command
        self.ordering.entered = tuple((name, value) for name, value in self.ordering.entered if name in _OWN)
        self.ordering.faults = ()
        self.forget()

    def enter(self, name: str, value: str) -> None:
        self.ordering.enter(name, value)
        self.forget()

    def forget(self) -> None:
        """What was seen is not what would happen any more."""
        self.looking.answer = None
        self.looking.said = ""
        self.ordering.said = ""

    def read(self) -> Terms | None:
        """All that is filled in; None where something is missing or wrong, which is said in its place then."""
        ordering, found = self.ordering, self.choosing.choice.filter
        own = () if ordering.is_stop else _OWN.values()
        form = read((*ordering.form, *own), ordering.values)
        ordering.faults = tuple(form.faults.items())
        ordering.said = ""
        if found is None:
            ordering.said = _("Choose the machines first.")
        elif not ordering.command:
            ordering.said = _("Choose a command first.")
        if ordering.said or form.faults:
            return None
        params = {name: value for name, value in form.params.items() if name not in _OWN}

        def own_value(wanted: Field) -> int | None:
            value = form.params.get(wanted.name)
            return int(value) if value is not None else None

        minutes = own_value(VALID)
        return Terms(
            ordering.command,
            found or {},
            params,
            None if minutes is None else minutes * 60,
            own_value(STAGE),
            own_value(ABORT),
        )

    async def look(self, *, refused_only: bool = False, cursor: str = "") -> None:
        """Ask the server what would happen."""
        terms = self.read()
        if terms is None:
            return
        looking = self.looking
        looking.is_busy = True
        try:
            answer = await self.model.api.dry_run(terms.wish, refused_only=refused_only, cursor=cursor, limit=PAGE)
        except (Refused, Away) as trouble:
            self._say(trouble)
        else:
            looking.terms, looking.answer = terms, answer
            looking.refused_only, looking.cursor, looking.said = refused_only, cursor, ""
        finally:
            looking.is_busy = False

    async def begin(self) -> None:
        """Give it to exactly the machines that were seen, and follow the run."""
        looking = self.looking
        if looking.terms is None or looking.answer is None:
            return
        looking.is_busy = True
        try:
            run = await self.model.api.begin_bulk(looking.terms.wish, confirmation=looking.answer["confirmation"])
        except Refused as refusal:
            if refusal.code in LOOK_AGAIN:
                looking.answer = None
                self.ordering.said = problem_words(refusal.code)
            else:
                looking.said = in_words(refusal)
        except Away as trouble:
            looking.said = in_words(trouble)
        else:
            self.model.go(f"/commands/runs/{run['id']}")
        finally:
            looking.is_busy = False

    def _say(self, trouble: Refused | Away) -> None:
        """A parameter's fault stands at its field."""
        self.looking.answer = None
        words = in_words(trouble)
        if isinstance(trouble, Refused) and trouble.field.startswith(_PARAMS):
            self.ordering.faults = ((trouble.field.removeprefix(_PARAMS), words),)
        else:
            self.ordering.said = words


_OWN: Final = {one.name: one for one in (VALID, STAGE, ABORT)}
