"""How full a member's queues are, for Prometheus. Nothing is done until it asks, from a thread of its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import Gauge


@contextmanager
def shown(member: int, depths: Mapping[Gauge, Callable[[], float]]) -> Iterator[None]:
    """While the member is read through."""
    for gauge, depth in depths.items():
        gauge.labels(member).set_function(depth)
    try:
        yield
    finally:
        for gauge in depths:
            gauge.remove(member)
