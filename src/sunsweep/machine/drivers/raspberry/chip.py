"""What every chip is to the sensors."""

from typing import Protocol

from sunsweep.machine.ports import Position

Value = float | Position


class Implausible(Exception):  # noqa: N818  the chip answers, and what it says cannot be
    """No value at all is better than this one; the message says why."""


class Chip(Protocol):
    def read(self) -> Value:
        """Raises `OSError` when it does not answer, `Implausible` when it says what cannot be."""
        ...
