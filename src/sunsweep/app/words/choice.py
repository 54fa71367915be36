"""Which language to speak: the one that was chosen, else what the device prefers, else English."""

import locale
import os
import sys
from collections.abc import Iterable

from sunsweep.app.words.catalogue import SOURCE, languages


def choose(chosen: str | None, preferred: Iterable[str]) -> str:
    """A code that `use` knows; `preferred` are BCP 47 tags, the dearest first, of which the language counts only."""
    known = languages()
    for tag in (chosen or "", *preferred):
        code = tag.replace("_", "-").partition("-")[0].lower()
        if code in known:
            return code
    return SOURCE


def device_languages() -> list[str]:
    """The tags that the browser, or the system, prefers."""
    if sys.platform == "emscripten":
        from js import navigator  # noqa: PLC0415  exists in the browser only

        return [str(tag) for tag in navigator.languages]
    # The order of POSIX; what Windows and macOS are set to is known to `locale`.
    named = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    tags = [tag for value in named if value for tag in value.split(":")]
    return tags or [tag for tag in (locale.getlocale()[0],) if tag]
