"""What commands take: the shape of a parameter, what it allows, and the same as JSON Schema."""

from collections.abc import Mapping
from enum import StrEnum
from json import dumps
from math import inf
from typing import Any, Final

from msgspec import Struct

MAX_TEXT_CHARS: Final = 256
_SHOWN_CHARS: Final = 60


class Kind(StrEnum):
    """Values are the words of a table. A whole number may be written 5 or 5.0, as JSON Schema has it."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"


_JSON_TYPES: Final = {Kind.TEXT: "string"}
_NUMERIC: Final = {Kind.INTEGER: "a whole number", Kind.NUMBER: "a number"}


class BadParameter(Exception):  # noqa: N818  a refusal, told to whoever gave the order
    """A parameter that cannot be; the message names it, its value and the rule."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field


class Parameter(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One parameter: limits, both included, are for numbers, `choices` for texts; `unit` is said to people."""

    type: Kind
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    unit: str = ""
    description: str = ""

    def allows(self, value: object) -> bool:
        """Whether a value read from JSON may be given; `true` is no number and `"5"` no 5."""
        if self.type is Kind.BOOLEAN:
            return isinstance(value, bool)
        if self.type is Kind.TEXT:
            return isinstance(value, str) and (value in self.choices if self.choices else len(value) <= MAX_TEXT_CHARS)
        return isinstance(value, int | float) and not isinstance(value, bool) and self._holds(value)

    @property
    def rule(self) -> str:
        """What it has to be, in words."""
        if self.type is Kind.BOOLEAN:
            return "true or false"
        if self.type is Kind.TEXT:
            return f"one of {', '.join(self.choices)}" if self.choices else f"text of up to {MAX_TEXT_CHARS} characters"
        return f"{_NUMERIC[self.type]}{self._range()}"

    def schema(self) -> dict[str, Any]:
        """As a JSON Schema; `unit` is a word of our own in it."""
        said: dict[str, Any] = {"type": _JSON_TYPES.get(self.type, str(self.type))}
        if self.type is Kind.TEXT:
            said |= {"enum": list(self.choices)} if self.choices else {"maxLength": MAX_TEXT_CHARS}
        words = {"minimum": self.minimum, "maximum": self.maximum}
        said |= {name: value for name, value in words.items() if value is not None}
        return said | {name: text for name in ("unit", "description") if (text := getattr(self, name))}

    def _holds(self, value: float) -> bool:
        if not -inf < value < inf or (self.type is Kind.INTEGER and value % 1):
            return False
        low = self.minimum is None or value >= self.minimum
        return low and (self.maximum is None or value <= self.maximum)

    def _range(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            return f" from {figure(self.minimum)} to {figure(self.maximum)}{unit}"
        if self.minimum is not None:
            return f" of at least {figure(self.minimum)}{unit}"
        return "" if self.maximum is None else f" of at most {figure(self.maximum)}{unit}"


Parameters = Mapping[str, Parameter]
"""By name, what one command takes."""


def check(known: Parameters, given: Mapping[str, Any], *, command: str) -> None:
    """Raises `BadParameter` for the first that is unknown, missing or not allowed."""
    for name, value in given.items():
        if name not in known:
            takes = f"takes {', '.join(known)}" if known else "takes no parameters"
            raise BadParameter(name, f"is not known: {command} {takes}")
        if not known[name].allows(value):
            raise BadParameter(name, f"is {shown(value)}; it must be {known[name].rule}")
    for name, parameter in known.items():
        if parameter.required and name not in given:
            raise BadParameter(name, f"is missing; it must be {parameter.rule}")


def schema(known: Parameters) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a command's `params`."""
    return {
        "type": "object",
        "properties": {name: parameter.schema() for name, parameter in known.items()},
        "required": [name for name, parameter in known.items() if parameter.required],
        "additionalProperties": False,
    }


def figure(value: float) -> str:
    """A number as people write it: 5, not 5.0."""
    return str(value) if value % 1 else str(int(value))


def shown(value: object) -> str:
    """A value as JSON, shortened."""
    text = dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
