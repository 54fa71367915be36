"""The sun over a panel in the course of one clear day, as a table that is cheap to read."""

from math import sqrt
from typing import Final

from msgspec import Struct

from sunsweep.machine.ports import PanelPoint

DAY_S: Final = 86_400.0
STEP_S: Final = 300.0


class SkyTable(Struct, frozen=True):
    """At every fifth minute of the site's solar day: the panel's curve and the air. Midnight stands at both ends."""

    mpp_v: list[float]
    mpp_a: list[float]
    open_v: list[float]
    air_c: list[float]


class TableSky:
    """The sky over one machine; `clean` is the share of light that dust and mounting leave."""

    def __init__(self, table: SkyTable, *, clean: float = 1.0) -> None:
        self._table = table
        self._clean = clean

    def panel(self, at_s: float, demand_w: float) -> PanelPoint:
        """At full power where all of it is wanted, else further up the curve towards the open circuit."""
        table = self._table
        mpp_a = _at(table.mpp_a, at_s) * self._clean
        if mpp_a <= 0:
            return PanelPoint(0.0, 0.0)
        mpp_v, open_v = _at(table.mpp_v, at_s), _at(table.open_v, at_s)
        if demand_w >= mpp_v * mpp_a:
            return PanelPoint(mpp_v, mpp_a)
        volts = _unloaded(max(0.0, demand_w), mpp_v=mpp_v, mpp_a=mpp_a, open_v=open_v)
        return PanelPoint(volts, max(0.0, demand_w) / volts)

    def air_c(self, at_s: float) -> float:
        return _at(self._table.air_c, at_s)


def _unloaded(demand_w: float, *, mpp_v: float, mpp_a: float, open_v: float) -> float:
    """Volts at which the curve, taken as straight from full power to open circuit, gives `demand_w`."""
    return (open_v + sqrt(max(0.0, open_v**2 - 4 * demand_w * (open_v - mpp_v) / mpp_a))) / 2


def _at(values: list[float], at_s: float) -> float:
    place, share = divmod(at_s % DAY_S, STEP_S)
    left = int(place)
    return values[left] + (values[left + 1] - values[left]) * share / STEP_S
