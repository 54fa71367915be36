"""Values with the time at which they were so."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

_NUMBERING: Final = frozenset({"ts", "boot", "seq", "extra"})


class Reading(NamedTuple):
    """A value in the unit of the wire, and when it was measured (ms since 1970)."""

    value: Any
    at_ms: int


Readings = dict[str, Reading]


def sampled(data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Name and value of all that a sample measures; fields that the contract does not know are extra ones.

    A name within `extra` does not hide a known one.
    """
    extra = data.get("extra")
    if isinstance(extra, dict):
        yield from extra.items()
    for name, value in data.items():
        if name not in _NUMBERING:
            yield name, value


def take(readings: Readings, values: Iterable[tuple[str, Any]], at_ms: int) -> None:
    """Newer values take the place of older ones, each for itself; null is no value."""
    for name, value in values:
        if value is None:
            continue
        known = readings.get(name)
        if known is None or at_ms >= known.at_ms:
            readings[name] = Reading(value, at_ms)


def number(readings: Readings, name: str) -> float | None:
    """A value as a number; None where there is none, or it is none."""
    found = readings.get(name)
    if found is None or isinstance(found.value, bool) or not isinstance(found.value, int | float):
        return None
    return found.value
