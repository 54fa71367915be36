"""How long to wait before the next try to connect."""

from random import Random
from typing import Final

from msgspec import Struct

FIRST_S: Final = 1.0
LONGEST_S: Final = 300.0
BETTER_AFTER_S: Final = 1800.0


class Pace(Struct, frozen=True):
    """Bounds of the waiting."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    better_after_s: float = BETTER_AFTER_S
    """On a lesser URL: until the better ones are looked at."""


class Backoff:
    """Full jitter: a fleet that lost its broker does not come back in step."""

    def __init__(self, random: Random, pace: Pace = Pace()) -> None:  # noqa: B008  frozen
        self._random = random
        self._pace = pace
        self._ceiling_s = pace.first_s

    def next_s(self) -> float:
        """The wait after one more failure."""
        ceiling_s = self._ceiling_s
        self._ceiling_s = min(self._pace.longest_s, 2 * ceiling_s)
        return self._random.uniform(0, ceiling_s)

    def soon_s(self) -> float:
        """The wait before another way is tried: no failure of its own yet."""
        return self._random.uniform(0, self._pace.first_s)

    def longest_s(self) -> float:
        """The wait where trying soon is of no use; never short, and never in step."""
        return self._random.uniform(0.5, 1.0) * self._pace.longest_s

    def reset(self) -> None:
        """A connection stood."""
        self._ceiling_s = self._pace.first_s
