"""Says when a stage does not move although there is work, and shows where it hangs."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import structlog

from sunsweep.server import metrics

log = structlog.get_logger(__name__)

STUCK_AFTER_S: Final = 15.0
LOOK_S: Final = 1.0
STAGES: Final = ("commit", "tell", "receipts")


class Stages:
    """What the committer does, and since when: `commit`, `tell`, or nothing but wait for messages (`at` is empty)."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self.at = ""
        self._since_s = monotonic_s()

    def enter(self, stage: str) -> None:
        """Called a few times a batch."""
        self.at = stage
        self._since_s = self._monotonic_s()

    @property
    def seconds(self) -> float:
        return self._monotonic_s() - self._since_s


class Look(NamedTuple):
    """What there is to see of a pipeline: seconds that each stage with work has stood at it, and what waits."""

    standing: dict[str, float]
    inbox: int
    receipts: int


class Watch:
    """One warning when a stage gets stuck, one line when it moves again."""

    def __init__(self, look: Callable[[], Look], committer: Callable[[], asyncio.Task[Any] | None]) -> None:
        self._look = look
        self._committer = committer
        self._stuck: dict[str, float] = {}
        for stage in STAGES:
            metrics.STUCK.labels(stage)

    async def run(self) -> None:
        try:
            while True:
                self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            for stage in self._stuck:
                metrics.STUCK.labels(stage).dec()

    def look(self) -> None:
        seen = self._look()
        stuck = {stage: seconds for stage, seconds in seen.standing.items() if seconds > STUCK_AFTER_S}
        for stage in stuck.keys() - self._stuck.keys():
            metrics.STUCK.labels(stage).inc()
            log.warning(
                "a stage of the ingest does not move",
                stage=stage,
                seconds=round(stuck[stage], 1),
                inbox=seen.inbox,
                receipts=seen.receipts,
                committer=stack_of(self._committer()),
            )
        for stage in self._stuck.keys() - stuck.keys():
            metrics.STUCK.labels(stage).dec()
            log.info("the stage moves again", stage=stage, seconds=round(self._stuck[stage], 1))
        self._stuck = stuck


def stack_of(task: asyncio.Task[Any] | None) -> str:
    """Where a task waits, the innermost call last; asyncio itself shows the outermost only."""
    lines = []
    waiting: Any = task.get_coro() if task is not None else None
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return " > ".join(lines)
