"""Errors, spans of time and sizes in plain words. No secret is in them."""

from typing import Final

from sqlalchemy.exc import DBAPIError

_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))
_LONGEST: Final = 300


def reason(error: BaseException) -> str:
    """Its own words, of a driver's error the last of them; the name of its kind where it has none."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        words = str(error.orig.args[-1]) if error.orig.args else type(error.orig).__name__
    else:
        words = str(error) or type(error).__name__
    return " ".join(words.split())[:_LONGEST]


def span(ms: float) -> str:
    """A span of time in its greatest unit, as `3.5 h`."""
    for unit_ms, name in _UNITS:
        if abs(ms) >= unit_ms:
            return f"{ms / unit_ms:.1f} {name}".replace(".0 ", " ")
    return f"{ms:.0f} ms"


def size(count: float) -> str:
    """Bytes, as `12.5 GiB`."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 machine`, `2 machines`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
