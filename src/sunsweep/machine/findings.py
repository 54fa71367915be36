"""What a check has found, a line each."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad it is; values are what people read at the start of the line."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """About what, and in plain words."""

    level: Level
    subject: str
    words: str

    def __str__(self) -> str:
        return f"{self.level:<4}  {self.subject:<12}  {self.words}"


def ok(subject: str, words: str) -> Finding:
    return Finding(Level.OK, subject, words)


def warn(subject: str, words: str) -> Finding:
    return Finding(Level.WARN, subject, words)


def fail(subject: str, words: str) -> Finding:
    return Finding(Level.FAIL, subject, words)
