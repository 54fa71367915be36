"""Physics of a cleaning machine: energy, water, way and warmth over the site's time."""

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct

from sunsweep.machine.drivers.battery import Battery
from sunsweep.machine.ports import Activity, Mode, PanelPoint, Plan, Run, Sky

MAX_STEP_S: Final = 10.0
_FASTEST_CATCH_UP_S: Final = 86_400.0
_AREA_FACTOR: Final = {Mode.AUTO: 1.0, Mode.MANUAL: 1.0, Mode.EDGE: 0.4}
_CHARGING_A: Final = 0.3


class Build(Struct, frozen=True, forbid_unknown_fields=True):
    """What differs from machine to machine."""

    capacity_ah: float = 40.0
    charge: float = 0.8
    tank_l: float = 60.0
    water_l: float = 57.0
    row_m2: float = 900.0
    way_home_s: float = 120.0
    spin_up_s: float = 4.0
    roughness: float = 1.0
    """How much it shakes and draws, 1 being a new machine."""


class Body:
    """Advances to the time `site_s` tells, in small steps, whenever it is looked at or told something."""

    def __init__(self, build: Build, sky: Sky, site_s: Callable[[], float], random: Random) -> None:
        self.build = build
        self.battery = Battery(build.capacity_ah, build.charge)
        self.water_l = build.water_l
        self.temp_c = sky.air_c(site_s())
        self.activity = Activity.DOCKED
        self.panel = PanelPoint(0.0, 0.0)
        self.powered = True
        self.plan = Plan()
        self.run = Run()
        self._sky = sky
        self._site_s = site_s
        self._random = random
        self._at_s = site_s()
        self._spin_up_s = 0.0
        self._way_home_s = 0.0
        self._step(0.0)

    @property
    def water_pct(self) -> float:
        return 100 * self.water_l / self.build.tank_l

    @property
    def charging(self) -> bool:
        return self.activity is Activity.DOCKED and self.battery.current_a > _CHARGING_A

    @property
    def row_done(self) -> bool:
        return self.plan.mode is not Mode.MANUAL and self.run.area_m2 >= self._row_m2

    @property
    def vibration_g(self) -> float:
        level = 0.01 if self.activity in {Activity.STANDING, Activity.DOCKED} else 0.05
        if self.activity is Activity.CLEANING:
            level = 0.06 + 0.035 * self.plan.speed
        return level * self.build.roughness * self._random.uniform(0.92, 1.08)

    def advance(self) -> None:
        """Catch up with the site's time; of a gap longer than a day only a day is lived through."""
        now_s = self._site_s()
        self._at_s = max(self._at_s, now_s - _FASTEST_CATCH_UP_S)
        while self._at_s < now_s:
            step_s = min(MAX_STEP_S, now_s - self._at_s)
            self._at_s += step_s
            self._step(step_s)

    def begin(self, plan: Plan) -> None:
        self.plan, self.run, self.activity = plan, Run(), Activity.TRAVELLING
        self._spin_up_s, self._way_home_s = self.build.spin_up_s, 0.0

    def go_on(self) -> None:
        self.activity, self._spin_up_s = Activity.CLEANING, 0.0

    def stand(self) -> None:
        if self.activity is not Activity.DOCKED:
            self.activity = Activity.STANDING

    def go_home(self) -> None:
        if self.activity is not Activity.DOCKED:
            self.activity, self._way_home_s = Activity.TRAVELLING, self.build.way_home_s
            self._spin_up_s = 0.0

    @property
    def _row_m2(self) -> float:
        return self.build.row_m2 * _AREA_FACTOR[self.plan.mode]

    @property
    def load_w(self) -> float:
        """Electronics, and the motors on top."""
        if self.activity is Activity.CLEANING:
            return 4.0 + (36.0 + 32.0 * self.plan.speed) * self.build.roughness
        return 64.0 if self.activity is Activity.TRAVELLING else 2.5

    def _step(self, dt_s: float) -> None:
        self._move(dt_s)
        load_w = self.load_w
        self.panel = self._sky.panel(self._at_s, load_w + self.battery.accepts_w())
        self.battery.exchange(0.95 * self.panel.watts - load_w, dt_s)
        if self.activity is Activity.CLEANING:
            self._clean(dt_s, load_w)
        elif self.activity is Activity.DOCKED:
            self.water_l = min(self.build.tank_l, self.water_l + 0.2 * dt_s)
        target_c = self._sky.air_c(self._at_s) + 0.06 * load_w + 0.08 * self.panel.watts
        self.temp_c += (target_c - self.temp_c) * min(1.0, dt_s / 900)

    def _move(self, dt_s: float) -> None:
        if self.battery.charge <= 0:
            self.stand()
        if self.activity is not Activity.TRAVELLING:
            return
        if self._spin_up_s > 0:
            self._spin_up_s -= dt_s
            if self._spin_up_s <= 0:
                self.activity = Activity.CLEANING
        else:
            self._way_home_s -= dt_s
            if self._way_home_s <= 0:
                self.activity = Activity.DOCKED

    def _clean(self, dt_s: float, load_w: float) -> None:
        water_l = min(self.water_l, (0.003 + 0.00125 * self.plan.speed) * dt_s)
        self.water_l -= water_l
        area_m2 = 0.034 * self.plan.speed * _AREA_FACTOR[self.plan.mode] * dt_s
        self.run = Run(
            self.run.energy_wh + load_w * dt_s / 3600, self.run.water_l + water_l, self.run.area_m2 + area_m2
        )
