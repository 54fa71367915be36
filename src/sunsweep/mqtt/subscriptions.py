"""Which filters a client wants, and what it takes to make the broker's session agree."""

from collections.abc import Iterable
from typing import NamedTuple

from sunsweep.mqtt.port import Subscription


class Difference(NamedTuple):
    """What is to be sent."""

    add: list[Subscription]
    drop: list[str]


class Subscriptions:
    """A set of filters (not counted), and those that a persistent session may still hold against our will."""

    def __init__(self, subscriptions: Iterable[Subscription]) -> None:
        self._qos = dict(subscriptions)
        self._stale: set[str] = set()

    def want(self, subscriptions: Iterable[Subscription]) -> None:
        self._qos.update(subscriptions)
        self._stale.difference_update(self._qos)

    def forget(self, topic_filters: Iterable[str]) -> None:
        """Not wanted any more; stale until the broker has said so too (`cleared`)."""
        for topic_filter in topic_filters:
            self._qos.pop(topic_filter, None)
            self._stale.add(topic_filter)

    def cleared(self, topic_filters: Iterable[str]) -> None:
        self._stale.difference_update(topic_filters)

    def difference(self, standing: dict[str, int]) -> Difference:
        """From what stands on a new connection to what is wanted."""
        add = [Subscription(name, qos) for name, qos in self._qos.items() if standing.get(name) != qos]
        return Difference(add, sorted(self._stale))
