"""How long an order stays good, in words."""

from typing import Final

from sunsweep.app.words import ngettext

LASTING: Final = (300, 900, 1800, 3600, 4 * 3600, 12 * 3600)
"""Seconds that are offered."""


def lasting_words(seconds: int) -> str:
    """In the largest unit that leaves nothing over."""
    if seconds % 3600 == 0:
        n = seconds // 3600
        return ngettext("{n} hour", "{n} hours", n).format(n=n)
    if seconds % 60 == 0:
        n = seconds // 60
        return ngettext("{n} minute", "{n} minutes", n).format(n=n)
    return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
