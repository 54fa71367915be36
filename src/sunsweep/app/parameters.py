"""What a command takes, as fields of a form: from a catalogue's JSON Schema to what is sent. No controls in here."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sunsweep.app.figures.conventions import conventions
from sunsweep.app.figures.numbers import as_sent
from sunsweep.app.words import _, ngettext

Value = int | float | bool | str
Entered = Mapping[str, str]
"""By a field's name what stands in it; of a yes or no `YES` or `NO`. Empty: it is left out."""

YES: Final = "true"
NO: Final = "false"
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?")


class FieldKind(StrEnum):
    """How a value is entered."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    TEXT = "text"

    @property
    def is_number(self) -> bool:
        return self in {FieldKind.INTEGER, FieldKind.NUMBER}


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter; limits are in `unit`, and both included."""

    name: str
    kind: FieldKind
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    max_chars: int | None = None
    required: bool = False
    unit: str = ""
    description: str = ""

    @property
    def limits(self) -> str:
        """What it may be, in a few words; empty where anything may stand there."""
        unit = f"\N{NO-BREAK SPACE}{self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            return _("{low} to {high}").format(low=as_sent(self.minimum), high=f"{as_sent(self.maximum)}{unit}")
        if self.minimum is not None:
            return _("at least {low}").format(low=f"{as_sent(self.minimum)}{unit}")
        return "" if self.maximum is None else _("at most {high}").format(high=f"{as_sent(self.maximum)}{unit}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a filled form says."""

    params: dict[str, Value]
    faults: dict[str, str]
    """By a field's name what is wrong with it, in words; nothing may be sent while there is any."""


def fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Of a catalogue's `params_schema`, in its order."""
    required = frozenset(schema.get("required", ()))
    return tuple(_field(name, said, required) for name, said in schema.get("properties", {}).items())


def read(form: Iterable[Field], entered: Entered) -> Reading:
    """The parameters to send. What is left empty is left out, and the machine goes by what it knows."""
    params: dict[str, Value] = {}
    faults: dict[str, str] = {}
    for field in form:
        text = entered.get(field.name, "").strip()
        if not text:
            if field.required:
                faults[field.name] = _("This is needed")
            continue
        try:
            params[field.name] = _value(field, text)
        except ValueError as error:
            faults[field.name] = str(error)
    return Reading(params, faults)


def _field(name: str, said: Mapping[str, Any], required: frozenset[str]) -> Field:
    choices = tuple(map(str, said.get("enum", ())))
    kind = FieldKind.CHOICE if choices else _KINDS.get(said.get("type", ""), FieldKind.TEXT)
    return Field(
        name,
        kind,
        said.get("minimum"),
        said.get("maximum"),
        choices,
        said.get("maxLength"),
        name in required,
        said.get("unit", ""),
        said.get("description", ""),
    )


_KINDS: Final = {"integer": FieldKind.INTEGER, "number": FieldKind.NUMBER, "boolean": FieldKind.BOOLEAN}


def _value(field: Field, text: str) -> Value:
    """Raises `ValueError` with words for the person."""
    if field.kind is FieldKind.BOOLEAN:
        return text == YES
    if field.kind.is_number:
        return _number(field, text)
    if field.max_chars is not None and len(text) > field.max_chars:
        n = field.max_chars
        raise ValueError(ngettext("At most {n} character", "At most {n} characters", n).format(n=as_sent(n)))
    return text


def _number(field: Field, text: str) -> float:
    # Both marks are taken, the language's own and the point; thousands that are set apart are not guessed at.
    plain = text.replace("\N{MINUS SIGN}", "-").replace(conventions().decimal, ".")
    if not _NUMBER.fullmatch(plain):
        raise ValueError(_("This is no number"))
    value = float(plain)
    if field.kind is FieldKind.INTEGER and value % 1:
        raise ValueError(_("This must be a whole number"))
    too_low = field.minimum is not None and value < field.minimum
    if too_low or (field.maximum is not None and value > field.maximum):
        raise ValueError(_("This must be {limits}").format(limits=field.limits))
    return value if value % 1 else int(value)
