"""From a burst of accelerations to how much a machine shakes, and how far from level it stands."""

from collections.abc import Sequence
from math import acos, degrees, fsum, sqrt
from typing import Final, NamedTuple

from sunsweep.machine.drivers.raspberry.chip import Implausible

SAMPLES: Final = 16
SAMPLE_EVERY_S: Final = 0.004
_LEAST_G: Final = 0.8
_MOST_G: Final = 1.2


class Vector(NamedTuple):
    """In g."""

    x: float
    y: float
    z: float

    @property
    def length(self) -> float:
        return sqrt(self.x**2 + self.y**2 + self.z**2)


def vibration_g(burst: Sequence[Vector]) -> float:
    """Root mean square around the mean, which is gravity."""
    mean = _gravity(burst)
    return sqrt(fsum((v.x - mean.x) ** 2 + (v.y - mean.y) ** 2 + (v.z - mean.z) ** 2 for v in burst) / len(burst))


def tilt_deg(burst: Sequence[Vector], up: str) -> float:
    """Between the axis `up` and the sky."""
    mean = _gravity(burst)
    along: float = getattr(mean, up[-1]) / mean.length
    return degrees(acos(max(-1.0, min(1.0, -along if up.startswith("-") else along))))


def _gravity(burst: Sequence[Vector]) -> Vector:
    """A chip that sleeps, or is broken, does not feel one g."""
    mean = Vector(*(fsum(axis) / len(burst) for axis in zip(*burst, strict=True)))
    if not _LEAST_G <= mean.length <= _MOST_G:
        raise Implausible(f"feels {mean.length:.2f} g on average, and not the one g of the earth")
    return mean
