"""Whose commands go out next. Pure."""

from collections.abc import Iterable
from itertools import islice

from sunsweep.server.dispatch.repository import Target


class Turns:
    """Machines with a new stop, then those that somebody called for, then those that a sweep has found.

    In the order of arrival, each once: so they are bounded by the number of machines. A stop does not wait behind the
    thousands of a bulk start.
    """

    def __init__(self) -> None:
        self._stops: dict[Target, None] = {}
        self._called: dict[Target, None] = {}
        self._swept: dict[Target, None] = {}

    @property
    def stops(self) -> bool:
        """Whether any machine has a new stop."""
        return bool(self._stops)

    @property
    def called(self) -> bool:
        """Whether any machine was called for, with a stop or without."""
        return bool(self._stops or self._called)

    def __bool__(self) -> bool:
        return self.called or bool(self._swept)

    def call(self, target: Target, *, stop: bool = False) -> None:
        (self._stops if stop else self._called)[target] = None

    def sweep(self, targets: Iterable[Target]) -> None:
        self._swept.update(dict.fromkeys(targets))

    def take(self, limit: int) -> list[Target]:
        """The next ones, all of the first kind that there is."""
        line = self._stops or self._called or self._swept
        taken = list(islice(line, limit))
        for target in taken:
            del line[target]
        return taken
