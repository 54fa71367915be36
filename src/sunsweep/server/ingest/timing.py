"""How long a batch takes, stage by stage: figures for Prometheus, and spans where somebody traces."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from sunsweep.server import metrics
from sunsweep.server.tracing import span

Stage = Literal["lookup", "decode", "commit", "acknowledge"]

_observe: Final = {
    stage: metrics.STAGE_SECONDS.labels(stage).observe
    for stage in ("wait", "lookup", "decode", "commit", "acknowledge")
}


@contextmanager
def timed(stage: Stage) -> Iterator[None]:
    """A stage of one batch; one that fails is tried again, and only the success counts."""
    started_s = time.perf_counter()
    with span(stage):
        yield
    _observe[stage](time.perf_counter() - started_s)


def waited(oldest_ms: int, *, now_ms: int) -> None:
    """The batch is taken in hand."""
    _observe["wait"](_seconds_since(oldest_ms, now_ms))


def lagged(oldest_ms: int, *, now_ms: int) -> None:
    """The batch is committed."""
    metrics.LAG_SECONDS.observe(_seconds_since(oldest_ms, now_ms))


def _seconds_since(then_ms: int, now_ms: int) -> float:
    """Never negative: the clock may have stepped back."""
    return max(0, now_ms - then_ms) / 1000
