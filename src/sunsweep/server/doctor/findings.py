"""What a check has found, a line each."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad it is; values are what people read at the start of the line."""

    OK = "ok"
    WARNING = "warning"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Finding(NamedTuple):
    """What is so, and what to do about it; `remedy` is empty where nothing is to be done."""

    level: Level
    words: str
    remedy: str = ""


def ok(words: str) -> Finding:
    return Finding(Level.OK, words)


def warning(words: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, words, remedy)


def fails(words: str, remedy: str) -> Finding:
    return Finding(Level.FAILS, words, remedy)


def unknown(words: str, remedy: str = "") -> Finding:
    return Finding(Level.UNKNOWN, words, remedy)
