"""A 12 V LiFePO4 battery (four cells in series): charge to volts, with sag and the charger's rise."""

from bisect import bisect_right
from typing import Final

from msgspec import Struct

MIN_V: Final = 10.0
MAX_V: Final = 14.6

_CURVE: Final = (
    (0.00, 10.00),
    (0.05, 11.80),
    (0.10, 12.40),
    (0.20, 12.90),
    (0.30, 13.00),
    (0.40, 13.08),
    (0.50, 13.14),
    (0.70, 13.24),
    (0.90, 13.36),
    (0.99, 13.46),
    (1.00, 13.60),
)
"""State of charge to volts at rest: long and flat, with a cliff at the low end."""
_CHARGES: Final = [charge for charge, _ in _CURVE]


def rest_v(charge: float) -> float:
    """Volts without current at a state of charge of 0-1."""
    upper = min(max(bisect_right(_CHARGES, charge), 1), len(_CURVE) - 1)
    (low, low_v), (high, high_v) = _CURVE[upper - 1], _CURVE[upper]
    return low_v + (high_v - low_v) * (charge - low) / (high - low)


class Battery(Struct):
    """Positive current charges."""

    capacity_ah: float = 40.0
    charge: float = 0.8
    resistance_ohm: float = 0.02
    current_a: float = 0.0

    @property
    def volts(self) -> float:
        lift = 0.8 * max(0.0, self.charge - 0.95) / 0.05 if self.current_a > 0.2 else 0.0
        return min(MAX_V, max(MIN_V, rest_v(self.charge) + self.current_a * self.resistance_ohm + lift))

    def accepts_w(self) -> float:
        """Power it would take: much, and less and less at the end."""
        return 400.0 * min(1.0, max(0.0, (1.0 - self.charge) / 0.05))

    def exchange(self, power_w: float, dt_s: float) -> None:
        """Take `power_w` (or give it, negative) for `dt_s`."""
        self.current_a = power_w / rest_v(self.charge)
        gained = self.current_a * (0.98 if power_w > 0 else 1.0) * dt_s / 3600 / self.capacity_ah
        self.charge = min(1.0, max(0.0, self.charge + gained))
        if self.charge in {0.0, 1.0}:
            self.current_a = 0.0
