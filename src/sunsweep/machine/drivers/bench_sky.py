"""A bench supply in place of the sun: always on, always the same."""

from sunsweep.machine.ports import PanelPoint


class BenchSky:
    """Holds its volts up to its limit of current, as a laboratory supply does."""

    def __init__(self, *, volts: float = 18.0, max_amps: float = 5.0, air_c: float = 21.0) -> None:
        self._volts = volts
        self._max_amps = max_amps
        self._air_c = air_c

    def panel(self, at_s: float, demand_w: float) -> PanelPoint:  # noqa: ARG002  the port's shape
        return PanelPoint(self._volts, min(self._max_amps, max(0.0, demand_w) / self._volts))

    def air_c(self, at_s: float) -> float:  # noqa: ARG002  the port's shape
        return self._air_c
