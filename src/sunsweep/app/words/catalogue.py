"""The catalogue in use. One at a time: a browser's page, a window and a phone have one reader each."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import Final

SOURCE: Final = "en"
"""The language of the source, which needs no catalogue."""

_FOLDER: Final = files(__package__) / "catalogues"


class _InUse:
    language = SOURCE
    catalogue = NullTranslations()


def languages() -> tuple[str, ...]:
    """Codes (ISO 639-1) of the languages that can be used, English first; those whose catalogue has been compiled."""
    found = (file.name.removesuffix(".mo") for file in _FOLDER.iterdir() if file.name.endswith(".mo"))
    return (SOURCE, *sorted(found))


def use(code: str) -> None:
    """Speak this language from now on. Raises `LookupError` where there is no catalogue of it."""
    _InUse.catalogue = _catalogue(code)
    _InUse.language = code


def language() -> str:
    """The code of the language in use."""
    return _InUse.language


def gettext(message: str) -> str:
    """The message in the language in use."""
    return _InUse.catalogue.gettext(message)


def ngettext(one: str, many: str, n: int) -> str:
    """The form that goes with `n`; Arabic has six."""
    return _InUse.catalogue.ngettext(one, many, n)


def pgettext(context: str, message: str) -> str:
    """A message that English writes like another one: `context` tells which is meant."""
    return _InUse.catalogue.pgettext(context, message)


def N_(message: str) -> str:
    """Mark a message that is translated later, where it is read."""
    return message


def own_name(code: str) -> str:
    """What the language calls itself. Raises `LookupError`."""
    return _catalogue(code).pgettext("what this language calls itself", "English")


def is_rtl(code: str | None = None) -> bool:
    """Whether the language, by default the one in use, is written from right to left. Raises `LookupError`."""
    catalogue = _InUse.catalogue if code is None else _catalogue(code)
    return catalogue.pgettext("text direction, ltr or rtl", "ltr") == "rtl"


@cache
def _catalogue(code: str) -> NullTranslations:
    if code == SOURCE:
        return NullTranslations()
    if code not in languages():
        raise LookupError(f"no catalogue of the language {code!r}")
    with (_FOLDER / f"{code}.mo").open("rb") as file:
        return GNUTranslations(file)
