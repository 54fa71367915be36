"""What a run has used and done, counted from how long its motors were on."""

from sunsweep.machine.drivers.raspberry.drive import Sight
from sunsweep.machine.drivers.raspberry.options import DriveOptions
from sunsweep.machine.ports import Clock, Run


class Counters:
    """Energy needs volts and amps of the battery, area and water the figures of the file; without them they stay 0."""

    def __init__(self, options: DriveOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._at_s = clock.monotonic_s()
        self._run = Run()
        self._number = 0

    def count(self, sight: Sight, battery_v: float | None, current_a: float | None) -> Run:
        """Since the look before, as if all had been as it is now."""
        now_s = self._clock.monotonic_s()
        dt_s, self._at_s = now_s - self._at_s, now_s
        if sight.run_number != self._number:
            self._number, self._run = sight.run_number, Run()
            return self._run
        if not sight.cleaning:
            return self._run
        watts = max(0.0, (battery_v or 0.0) * (current_a or 0.0))
        way_m = sight.travel * self._options.full_speed_m_s * dt_s
        self._run = Run(
            self._run.energy_wh + watts * dt_s / 3600,
            self._run.water_l + (self._options.pump_l_min * dt_s / 60 if sight.pumping else 0.0),
            self._run.area_m2 + way_m * self._options.width_m,
        )
        return self._run
