"""A body that is not there, behind the ports of a real one."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.options import parse_options
from sunsweep.machine.ports import Activity, Clock, Hardware, HardwareError, Plan, Reading, Surroundings

_MORNING_S: Final = 9 * 3600.0


class SimulatedSensors:
    """Reads the body, as finely as real sensors would."""

    def __init__(self, body: Body) -> None:
        self._body = body

    async def read(self) -> Reading:
        body = self._body
        body.advance()
        return Reading(
            body.activity,
            body.run,
            battery_v=round(body.battery.volts, 2),
            solar_v=round(body.panel.volts, 2),
            solar_a=round(body.panel.amps, 2),
            water_pct=round(body.water_pct, 1),
            temp_c=round(body.temp_c, 1),
            vibration_g=round(body.vibration_g, 3),
            charging=body.charging,
            row_done=body.row_done,
        )


class SimulatedDrive:
    """Tells the body what to do; lives through the time before first, so that nothing acts backwards."""

    def __init__(self, body: Body) -> None:
        self._body = body

    async def start(self, plan: Plan) -> None:
        self._powered_body().begin(plan)

    async def halt(self) -> None:
        self._current_body().stand()

    async def pause(self) -> None:
        self._current_body().stand()

    async def resume(self) -> None:
        self._powered_body().go_on()

    async def return_to_dock(self) -> None:
        self._powered_body().go_home()

    async def cut_power(self) -> None:
        body = self._current_body()
        body.powered = False
        body.stand()

    async def restore_power(self) -> None:
        self._current_body().powered = True

    def _current_body(self) -> Body:
        self._body.advance()
        return self._body

    def _powered_body(self) -> Body:
        body = self._current_body()
        if not body.powered:
            raise HardwareError("the motors have no power: emergency stop")
        if body.battery.charge <= 0 and body.activity is not Activity.DOCKED:
            raise HardwareError("the battery is empty")
        return body


def embody(body: Body) -> Hardware:
    """A body behind the ports."""
    return Hardware(SimulatedSensors(body), SimulatedDrive(body))


def simulated(options: Mapping[str, Any], surroundings: Surroundings) -> Hardware:
    """The driver `simulated`: real time, from nine in the morning; its options are the fields of `Build`."""
    clock, random = surroundings
    return embody(Body(parse_options(options, Build), BenchSky(), morning_clock(clock), random))


def morning_clock(clock: Clock, *, speed: float = 1.0, start_s: float = _MORNING_S) -> Callable[[], float]:
    """The site's seconds, `speed` times as fast as the world's, from `start_s` of its day on."""
    begun_s = clock.monotonic_s()
    return lambda: start_s + (clock.monotonic_s() - begun_s) * speed
