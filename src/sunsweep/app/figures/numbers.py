"""Numbers as the language in use writes them."""

from math import isfinite
from typing import Final

from sunsweep.app.figures.conventions import conventions

NONE: Final = "\N{EN DASH}"
"""Where there is no value."""


def number(value: float | None, decimals: int = 0) -> str:
    """With this many decimals, always: a column of them keeps its width and its marks below each other."""
    if value is None or not isfinite(value):
        return NONE
    return _written(f"{value:.{decimals}f}")


def as_sent(value: float | None) -> str:
    """With the digits that the machine sent: how precise an unknown sensor is nobody else can tell."""
    if value is None or not isfinite(value):
        return NONE
    text = repr(value)
    return text if "e" in text else _written(text.removesuffix(".0"))


def _written(text: str) -> str:
    ours = conventions()
    whole, point, fraction = text.removeprefix("-").partition(".")
    if len(whole) >= ours.min_grouped:
        whole = f"{int(whole):,}".replace(",", ours.group)
    # What rounds to nothing has no sign.
    negative = text.startswith("-") and any(digit not in "0." for digit in text[1:])
    return (ours.minus if negative else "") + whole + (ours.decimal if point else "") + fraction
