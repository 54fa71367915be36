"""Keeping the catalogues: what the source says against what is translated. For developers, with Babel."""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Final, NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

_APP: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = Path(__file__).resolve().parent / "catalogues"
_KEYWORDS: Final = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
_COUNT: Final = "n"
_IDLE_HEADERS: Final = (
    "Project-Id-Version",
    "Report-Msgid-Bugs-To",
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Last-Translator",
    "Language-Team",
    "Generated-By",
)
"""Left out of the files: in their dates two branches would differ without having touched the same message."""


class Fault(NamedTuple):
    """What is wrong with a catalogue."""

    language: str
    message: str
    trouble: str

    def __str__(self) -> str:
        return f"{self.language}.po: {self.trouble}: {self.message!r}"


def in_source(app: Path = _APP) -> Catalog:
    """Every message of the app's source."""
    found = Catalog(project="sunsweep", charset="utf-8", fuzzy=False)
    methods = [("**.py", "python")]
    for name, line, message, comments, context in extract_from_dir(
        app, methods, keywords=_KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    ):
        found.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return found


def read(path: Path) -> Catalog:
    """A catalogue as it stands in its file, which is named after its language."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem, charset="utf-8")


def paths() -> list[Path]:
    """The catalogues' files."""
    return sorted(FOLDER.glob("*.po"))


def update(path: Path, source: Catalog) -> None:
    """Take new messages in, untranslated, and those out that the source does not have any more."""
    catalogue = read(path) if path.exists() else Catalog(locale=path.stem, charset="utf-8", fuzzy=False)
    # A guess from a similar message would look translated to whoever skims the file.
    catalogue.update(source, no_fuzzy_matching=True)
    catalogue.fuzzy = False
    catalogue.header_comment = f"# {catalogue.locale and catalogue.locale.english_name} of the Sunsweep app."
    buffer = BytesIO()
    write_po(buffer, catalogue, width=116, ignore_obsolete=True, sort_by_file=True, include_lineno=False)
    kept = [line for line in buffer.getvalue().decode().splitlines() if not _is_idle(line)]
    path.write_text("\n".join(kept).rstrip() + "\n", encoding="utf-8")


def compiled(path: Path) -> bytes:
    """The catalogue as the standard library reads it (GNU MO)."""
    buffer = BytesIO()
    write_mo(buffer, read(path))
    return buffer.getvalue()


def compile_all() -> None:
    """Write the `.mo` beside each `.po`, whole: an app that starts meanwhile reads the old or the new one."""
    for path in paths():
        new = path.with_name(f".{path.stem}.{os.getpid()}")
        new.write_bytes(compiled(path))
        new.replace(path.with_suffix(".mo"))


def faults(path: Path, source: Catalog) -> Iterator[Fault]:
    """What keeps this catalogue from saying everything that the source says."""
    catalogue = read(path)
    for message in source:
        if message.id:
            there = catalogue.get(message.id, message.context)
            trouble = "missing" if there is None else _trouble(there, catalogue.num_plurals)
            if trouble:
                yield Fault(path.stem, _shown(message), trouble)
    for message in catalogue:
        if message.id and source.get(message.id, message.context) is None:
            yield Fault(path.stem, _shown(message), "not in the source any more")
    for message in catalogue.obsolete.values():
        yield Fault(path.stem, _shown(message), "not in the source any more")


def placeholders(text: str) -> frozenset[str]:
    """The names in braces. Raises `ValueError` where the braces do not match."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def _trouble(message: Message, forms: int) -> str:
    said = message.string if isinstance(message.string, tuple | list) else (message.string,)
    given = tuple(text or "" for text in said)
    plural = isinstance(message.id, tuple | list)
    ids = tuple(message.id) if plural else (str(message.id),)
    if message.fuzzy:
        return "marked as a guess (fuzzy)"
    if len(given) != (forms if plural else 1) or not all(given):
        return "not translated, or not in every plural form"
    if any(text != text.strip() for text in given) != any(text != text.strip() for text in ids):
        return "blanks at an end differ"
    try:
        wanted = frozenset().union(*map(placeholders, ids))
        named = [placeholders(text) for text in given]
    except ValueError as error:
        return str(error)
    # "One" and "two" are a word's own forms in Arabic: there the figure may be left out.
    needed = wanted - {_COUNT} if plural else wanted
    if any(not needed <= names <= wanted for names in named) or frozenset().union(*named) != wanted:
        return f"its placeholders are not {', '.join(sorted(wanted)) or 'none'}"
    return ""


def _shown(message: Message) -> str:
    text = message.id[0] if isinstance(message.id, tuple | list) else str(message.id)
    return f"{message.context}|{text}" if message.context else text


def _is_idle(line: str) -> bool:
    return line.startswith(tuple(f'"{header}:' for header in _IDLE_HEADERS))
