"""How far a new machine has come, from what is known of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sunsweep.app.live.machine import MachineNow


class Step(StrEnum):
    """In the order in which they happen."""

    ENROLLED = "enrolled"
    CONNECTED = "connected"
    STATUS = "first-status"
    MEASUREMENT = "first-measurement"


class Mark(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    SKIPPED = "skipped"
    """It came by another way."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A step, and when it happened, in ms of the server's time."""

    step: Step
    mark: Mark
    at_ms: int | None = None


def arrivals(machine: MachineNow | None, *, enrolled_ms: int | None, since_ms: int) -> list[Arrival]:
    """What came after `since_ms`, and after the enrolment where there was one: before, it was the old login."""
    from_ms = max(since_ms, enrolled_ms or 0)
    heard_ms = None if machine is None else machine.heard_ms
    times: Final = {
        Step.CONNECTED: heard_ms,
        Step.STATUS: None if machine is None else machine.status_ms,
        Step.MEASUREMENT: None if machine is None else machine.sample_ms,
    }
    later = [
        Arrival(step, Mark.DONE, at_ms) if at_ms is not None and at_ms >= from_ms else Arrival(step, Mark.WAITING)
        for step, at_ms in times.items()
    ]
    if enrolled_ms is not None:
        return [Arrival(Step.ENROLLED, Mark.DONE, enrolled_ms), *later]
    is_here = any(one.mark is Mark.DONE for one in later)
    return [Arrival(Step.ENROLLED, Mark.SKIPPED if is_here else Mark.WAITING), *later]


def is_alive(arrived: list[Arrival]) -> bool:
    """Whether nothing is waited for any more."""
    return all(one.mark is not Mark.WAITING for one in arrived)
