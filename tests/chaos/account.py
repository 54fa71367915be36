"""What a field of machines says at its end: to be compared with the tables."""

from pathlib import Path

import msgspec
from msgspec import Struct


class Life(Struct):
    """One boot of a machine with an outbox, in its own words."""

    machine_id: str
    boot: int
    last_seq: int = 0
    stored: set[int] = msgspec.field(default_factory=set)
    rejected: set[int] = msgspec.field(default_factory=set)
    given_up: set[int] = msgspec.field(default_factory=set)
    pending: set[int] = msgspec.field(default_factory=set)
    counted: tuple[int, int, int] = (0, 0, 0)
    """The outbox's own counters: stored, rejected, given up."""


class Bare(Struct):
    """A machine that numbers nothing: when (ms) it said each of its samples, and when the broker's answer was there."""

    machine_id: str
    said: int = 0
    acknowledged: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)


class FieldReport(Struct):
    lives: list[Life]
    bare: list[Bare]


def write_report(path: Path, report: FieldReport) -> None:
    path.write_bytes(msgspec.json.encode(report))


def read_report(path: Path) -> FieldReport:
    return msgspec.json.decode(path.read_bytes(), type=FieldReport)
