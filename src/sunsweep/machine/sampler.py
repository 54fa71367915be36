"""What the sensors say, as a message of the contract."""

from sunsweep.contract.payloads import Status, Telemetry
from sunsweep.machine.ports import Reading
from sunsweep.machine.states import State


def telemetry_of(reading: Reading) -> Telemetry:
    """A sample; a sensor that says nothing is left out."""
    lat, lon = reading.position or (None, None)
    extra = {
        "temp": reading.temp_c,
        "vibration": reading.vibration_g,
        "tilt": reading.tilt_deg,
        "current": reading.current_a,
        "lat": lat,
        "lon": lon,
    }
    said = {name: value for name, value in extra.items() if value is not None}
    return Telemetry(reading.battery_v, reading.solar_v, reading.solar_a, reading.water_pct, said)


def status_of(state: State, reading: Reading) -> Status:
    """A state with the run's counters, as finely as they mean something."""
    run = reading.run
    return Status(state, round(run.energy_wh, 1), round(run.water_l, 2), round(run.area_m2, 1))
