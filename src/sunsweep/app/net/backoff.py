"""How long to wait before the next try to connect."""

from dataclasses import dataclass
from random import Random
from typing import Final

FIRST_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """Bounds of the waiting: doubling from `first_s`, up to `soon_s` in the first `eager_s`, later up to `longest_s`.

    Who looks at a page has just lost it wants it back with the network, not up to ten seconds later.
    """

    first_s: float = FIRST_S
    soon_s: float = 2.0
    longest_s: float = 10.0
    eager_s: float = 60.0


class Backoff:
    """Full jitter: the pages that a restarted server lost do not come back in step."""

    def __init__(self, random: Random, pace: Pace = Pace()) -> None:
        self._random = random
        self._pace = pace
        self._bound_s = pace.first_s

    def next_s(self, *, lost_for_s: float) -> float:
        """The wait after one more try, `lost_for_s` after the connection was lost."""
        cap_s = self._pace.soon_s if lost_for_s < self._pace.eager_s else self._pace.longest_s
        bound_s = min(self._bound_s, cap_s)
        self._bound_s = min(2 * self._bound_s, self._pace.longest_s)
        return self._random.uniform(0, bound_s)

    def reset(self) -> None:
        """A connection stood."""
        self._bound_s = self._pace.first_s
