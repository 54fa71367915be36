"""Brush, pump and travel of a real machine."""

from enum import StrEnum
from threading import RLock
from typing import NamedTuple

from sunsweep.machine.drivers.raspberry.options import DriveOptions
from sunsweep.machine.drivers.raspberry.pins import Pins
from sunsweep.machine.ports import Activity, Clock, HardwareError, Plan


class Task(StrEnum):
    """What the motors are on for."""

    NOTHING = "nothing"
    CLEANING = "cleaning"
    GOING_HOME = "going_home"


class Sight(NamedTuple):
    """What pins and contacts read back."""

    activity: Activity
    row_done: bool
    emergency: bool
    button_pressed: bool
    run_number: int
    cleaning: bool
    pumping: bool
    travel: float


class RaspberryDrive:
    """Contacts act on the motors at once, in gpiozero's thread; the program hears of it at its next look."""

    def __init__(self, options: DriveOptions, pins: Pins, clock: Clock) -> None:
        self._options = options
        self._pins = pins
        self._clock = clock
        self._one_at_a_time = RLock()
        self._task = Task.NOTHING
        self._plan = Plan()
        self._run_number = 0
        self._homewards_s = 0.0
        self._powered = True
        self._tripped = False
        self._off()
        self._set_power(on=True)
        pins.dock.call_when_on(self._docked)
        if pins.row_end is not None:
            pins.row_end.call_when_on(self._at_row_end)
        if pins.button is not None:
            pins.button.call_when_on(self._trip)
            if pins.button.on:
                self._trip()

    async def start(self, plan: Plan) -> None:
        with self._one_at_a_time:
            self._need_power()
            self._run_number += 1
            self._plan = plan
            self._clean()

    async def halt(self) -> None:
        self._off()

    async def pause(self) -> None:
        self._off()

    async def resume(self) -> None:
        with self._one_at_a_time:
            self._need_power()
            self._clean()

    async def return_to_dock(self) -> None:
        with self._one_at_a_time:
            self._need_power()
            self._off()
            if not self._pins.dock.on:
                self._task, self._homewards_s = Task.GOING_HOME, self._clock.monotonic_s()
                self._pins.travel.set(-self._options.home_speed / 10)

    async def cut_power(self) -> None:
        self._cut()

    async def restore_power(self) -> None:
        with self._one_at_a_time:
            if self._button_pressed:
                raise HardwareError("the emergency stop button is pressed")
            self._tripped, self._powered = False, True
            self._set_power(on=True)

    def look(self) -> Sight:
        """Also the limit of the way home: a machine that slips must not turn its wheels for ever."""
        with self._one_at_a_time:
            late = self._clock.monotonic_s() - self._homewards_s > self._options.home_limit_s
            if self._task is Task.GOING_HOME and late:
                self._off()
            cleaning = self._task is Task.CLEANING and self._pins.brush.on
            return Sight(
                self._activity(),
                row_done=self._task is Task.CLEANING and self._at_end,
                emergency=self._tripped or self._button_pressed,
                button_pressed=self._button_pressed,
                run_number=self._run_number,
                cleaning=cleaning,
                pumping=cleaning and self._pins.pump.on,
                travel=max(0.0, self._pins.travel.level),
            )

    @property
    def _button_pressed(self) -> bool:
        return self._pins.button is not None and self._pins.button.on

    @property
    def _at_end(self) -> bool:
        return self._pins.row_end is not None and self._pins.row_end.on

    def _activity(self) -> Activity:
        """By the pins: a brush that is off cleans nothing. On its dock's contact a machine at work is just leaving."""
        if self._task is Task.CLEANING and self._pins.brush.on:
            return Activity.TRAVELLING if self._pins.dock.on else Activity.CLEANING
        if self._task is Task.GOING_HOME and self._pins.travel.level < 0:
            return Activity.TRAVELLING
        return Activity.DOCKED if self._pins.dock.on else Activity.STANDING

    def _clean(self) -> None:
        level = self._plan.speed / 10
        self._task = Task.CLEANING
        self._pins.pump.set(1)
        self._pins.brush.set(level)
        self._pins.travel.set(0 if self._at_end else level)

    def _docked(self) -> None:
        with self._one_at_a_time:
            if self._task is Task.GOING_HOME:
                self._off()

    def _at_row_end(self) -> None:
        with self._one_at_a_time:
            if self._task is Task.CLEANING:
                self._pins.travel.set(0)

    def _trip(self) -> None:
        with self._one_at_a_time:
            self._tripped = True
            self._cut()

    def _cut(self) -> None:
        with self._one_at_a_time:
            self._powered = False
            self._off()
            self._set_power(on=False)

    def _off(self) -> None:
        with self._one_at_a_time:
            self._task = Task.NOTHING
            self._pins.travel.set(0)
            self._pins.brush.set(0)
            self._pins.pump.set(0)

    def _set_power(self, *, on: bool) -> None:
        if self._pins.power is not None:
            self._pins.power.set(1 if on else 0)

    def _need_power(self) -> None:
        if not self._powered or self._button_pressed:
            raise HardwareError("the motors have no power: emergency stop")
