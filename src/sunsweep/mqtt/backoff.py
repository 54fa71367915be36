"""How long to wait before the next attempt."""

import random
from collections.abc import Callable


class Backoff:
    """Exponential with full jitter: a uniform draw below a bound that doubles up to the cap."""

    def __init__(self, *, first_s: float = 0.5, cap_s: float = 30, draw: Callable[[], float] = random.random) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._draw = draw
        self._bound_s = first_s

    def next_s(self) -> float:
        """The next wait."""
        wait_s = self._draw() * self._bound_s
        self._bound_s = min(self._bound_s * 2, self._cap_s)
        return wait_s

    def reset(self) -> None:
        """All is well again."""
        self._bound_s = self._first_s
