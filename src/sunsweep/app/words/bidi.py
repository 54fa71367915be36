"""Foreign words inside a sentence: names and addresses that may run the other way."""

from typing import Final

from sunsweep.app.words.catalogue import is_rtl

_MARK: Final = "\N{LEFT-TO-RIGHT MARK}"


def isolate(text: str) -> str:
    """A serial, a name or an address, so that its dashes and digits keep their order in an Arabic sentence (UAX #9).

    By marks and not by the isolates of Unicode: Noto Sans Arabic has a glyph for them, and Flutter fetches a font for
    each character that it has none for, also for one that nobody sees. Left as it is in the other languages.
    """
    return f"{_MARK}{text}{_MARK}" if is_rtl() else text
