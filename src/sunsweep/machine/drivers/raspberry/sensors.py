"""All sensors of the machine, and what the drive reads back, in one look."""

from collections.abc import Sequence
from typing import Any, Final

from sunsweep.machine.drivers.raspberry.counters import Counters
from sunsweep.machine.drivers.raspberry.drive import RaspberryDrive
from sunsweep.machine.drivers.raspberry.health import Health
from sunsweep.machine.drivers.raspberry.lane import Lane, Values
from sunsweep.machine.ports import Activity, HardwareError, Reading, Sense

CHARGING_A: Final = 0.3


class RaspberrySensors:
    """`vital` lanes are buses, whose death is the board's; a `loose` one that fails only says nothing."""

    def __init__(
        self, drive: RaspberryDrive, counters: Counters, *, vital: Sequence[Lane], loose: Sequence[tuple[Lane, Health]]
    ) -> None:
        self._drive = drive
        self._counters = counters
        self._vital = vital
        self._loose = loose

    async def read(self) -> Reading:
        values: dict[Sense, Any] = {}
        trouble: HardwareError | None = None
        for lane in self._vital:
            try:
                values |= await lane.read()
            except HardwareError as error:
                trouble = error
        for lane, health in self._loose:
            values |= await _leniently(lane, health)
        sight = self._drive.look()
        # A pressed button is told even where nothing else can be.
        if trouble is not None and not sight.emergency:
            raise trouble
        run = self._counters.count(sight, values.get(Sense.BATTERY_V), values.get(Sense.CURRENT_A))
        said = {str(sense): value for sense, value in values.items()}
        return Reading(
            sight.activity,
            run,
            charging=sight.activity is Activity.DOCKED and _charges(values),
            row_done=sight.row_done,
            emergency=sight.emergency,
            button_pressed=sight.button_pressed,
            **said,
        )


async def _leniently(lane: Lane, health: Health) -> Values:
    try:
        values = await lane.read()
    except HardwareError as error:
        health.failed(error)
        return {}
    health.well()
    return values


def _charges(values: dict[Sense, Any]) -> bool:
    """By the battery's own current where it is measured, otherwise by what the panel gives."""
    drawn_a = values.get(Sense.CURRENT_A)
    if drawn_a is not None:
        return bool(drawn_a < -CHARGING_A)
    return bool((values.get(Sense.SOLAR_A) or 0.0) > CHARGING_A)
