"""What may run the other way: names and addresses in a sentence, figures beside each other."""

from collections.abc import Iterable
from typing import Final

from sunsweep.app.words.catalogue import is_rtl

_LTR: Final = "\N{LEFT-TO-RIGHT MARK}"
_RTL: Final = "\N{RIGHT-TO-LEFT MARK}"


def isolate(text: str) -> str:
    """A serial, a name or an address, so that its dashes and digits keep their order in an Arabic sentence (UAX #9).

    By marks and not by the isolates of Unicode: Noto Sans Arabic has a glyph for them, and Flutter fetches a font for
    each character that it has none for, also for one that nobody sees. Left as it is in the other languages.
    """
    return f"{_LTR}{text}{_LTR}" if is_rtl() else text


def listed(texts: Iterable[str], between: str = " · ") -> str:
    """Figures or names in one line, in the order given: in Arabic two that run to the right would change places."""
    return (f"{_RTL}{between}{_RTL}" if is_rtl() else between).join(texts)
