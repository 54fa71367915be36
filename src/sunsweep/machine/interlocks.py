"""When the machine itself says no, or goes home."""

from msgspec import Struct

from sunsweep.machine.ports import Reading


class Interlocks(Struct, frozen=True):
    """Volts of a 12 V LiFePO4 battery, per cent of the tank. Running limits lie lower: load makes the volts sag."""

    start_battery_v: float = 13.0
    start_water_pct: float = 10.0
    run_battery_v: float = 12.5
    run_water_pct: float = 1.0

    def against_start(self, reading: Reading) -> str | None:
        """Why a run may not begin, in plain words. A sensor that says nothing is no leave to run."""
        return _short(reading, battery_v=self.start_battery_v, water_pct=self.start_water_pct)

    def against_running(self, reading: Reading) -> str | None:
        """Why a run may not go on."""
        return _short(reading, battery_v=self.run_battery_v, water_pct=self.run_water_pct)


def _short(reading: Reading, *, battery_v: float, water_pct: float) -> str | None:
    if reading.battery_v is None:
        return "the battery sensor does not answer"
    if reading.battery_v < battery_v:
        return f"battery low: {reading.battery_v:.2f} V, at least {battery_v:.2f} V are needed"
    if reading.water_pct is None:
        return "the water sensor does not answer"
    if reading.water_pct < water_pct:
        return f"water low: {reading.water_pct:.0f} %, at least {water_pct:.0f} % are needed"
    return None
