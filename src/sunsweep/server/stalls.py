"""Sees the event loop stand still, and says where: a thread of its own waits for the loop's heartbeat."""

import sys
import time
import traceback
from asyncio import AbstractEventLoop, TimerHandle, get_running_loop
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, get_ident
from typing import Final

import structlog

from sunsweep.server import metrics

log = structlog.get_logger(__name__)

STALL_S: Final = 1.0
LOOK_S: Final = 0.2


class _Heart:
    """The loop says again and again that it moves."""

    def __init__(self, loop: AbstractEventLoop, every_s: float) -> None:
        self._loop = loop
        self._every_s = every_s
        self._next: TimerHandle | None = None
        self.beat_s = time.monotonic()
        self.thread_id = get_ident()

    def beat(self) -> None:
        self.beat_s = time.monotonic()
        self._next = self._loop.call_later(self._every_s, self.beat)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()


@contextmanager
def watched_loop(*, stall_s: float = STALL_S, look_s: float = LOOK_S) -> Iterator[None]:
    """Watch the running loop meanwhile. The thread is nobody's to wait for."""
    heart, ended = _Heart(get_running_loop(), look_s), Event()
    heart.beat()
    Thread(target=_watch, args=(heart, ended, stall_s, look_s), name="loop-watch", daemon=True).start()
    try:
        yield
    finally:
        heart.stop()
        ended.set()


def _watch(heart: _Heart, ended: Event, stall_s: float, look_s: float) -> None:
    """One warning a stall, and a line when it is over."""
    told: float | None = None
    while not ended.wait(look_s):
        beat_s = heart.beat_s
        if told is not None and beat_s != told:
            log.info("the event loop moves again", stood_s=round(beat_s - told, 1))
            told = None
        standing_s = time.monotonic() - beat_s
        if told is None and standing_s > stall_s:
            told = beat_s
            metrics.LOOP_STALLS.inc()
            log.warning("the event loop stands still", seconds=round(standing_s, 1), stack=_stack(heart.thread_id))


def _stack(thread_id: int) -> str:
    """Where a thread is, the innermost call last."""
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001  documented, though it has an underscore
    calls = traceback.extract_stack(frame) if frame is not None else []
    return " > ".join(f"{call.filename}:{call.lineno} {call.name}" for call in calls)
