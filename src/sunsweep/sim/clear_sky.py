"""Makes the table of a clear day with pvlib. Run as a program, so that nobody else has to carry pandas and scipy."""

import sys
from datetime import timedelta
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
import pvlib

from sunsweep.sim.site import Site
from sunsweep.sim.sky import DAY_S, STEP_S, SkyTable

TILT_DEG: Final = 15.0
SOUTH_DEG: Final = 180.0
DARK_W_M2: Final = 2.0

# A panel of 40 cells, 110 W: 6.0 A in short circuit, 24 V open, in the terms of De Soto's model.
_SHORT_A: Final = 6.0
_OPEN_V: Final = 24.0
_A_REF: Final = 1.09
_CELL: Final = {
    "alpha_sc": 0.003,
    "a_ref": _A_REF,
    "I_L_ref": _SHORT_A,
    "I_o_ref": _SHORT_A / float(np.exp(_OPEN_V / _A_REF)),
    "R_sh_ref": 200.0,
    "R_s": 0.25,
}


def clear_day(site: Site) -> SkyTable:
    """Sun, plane of the array, cell temperature, curve."""
    hours = np.arange(int(DAY_S / STEP_S) + 1) * STEP_S / 3600
    air_c = 18.0 + 7.0 * np.sin((hours - 9.0) / 24 * 2 * np.pi)
    light = _light(site)
    bright = light > DARK_W_M2
    cell_c = pvlib.temperature.faiman(light, air_c, wind_speed=2.5)
    curve = pvlib.pvsystem.singlediode(*pvlib.pvsystem.calcparams_desoto(light[bright], cell_c[bright], **_CELL))
    return SkyTable(
        _whole_day(curve["v_mp"], bright),
        _whole_day(curve["i_mp"], bright),
        _whole_day(curve["v_oc"], bright),
        [round(float(value), 2) for value in air_c],
    )


def _light(site: Site) -> Any:
    """W/m² on the panel, by solar time: the sun is highest at noon, whatever the time zone."""
    midnight = pd.Timestamp(site.day, tz="UTC") - timedelta(hours=site.lon / 15)
    times = pd.date_range(midnight, periods=int(DAY_S / STEP_S) + 1, freq=timedelta(seconds=STEP_S))
    sun = pvlib.solarposition.get_solarposition(times, site.lat, site.lon)
    sky = pvlib.clearsky.simplified_solis(sun.apparent_elevation, aod700=0.1, precipitable_water=1.2)
    on_panel = pvlib.irradiance.get_total_irradiance(
        TILT_DEG,
        SOUTH_DEG,
        sun.apparent_zenith,
        sun.azimuth,
        sky.dni,
        sky.ghi,
        sky.dhi,
        dni_extra=pvlib.irradiance.get_extra_radiation(site.day.timetuple().tm_yday),
        model="haydavies",
    )
    return on_panel.poa_global.fillna(0.0).to_numpy()


def _whole_day(values: Any, bright: Any) -> list[float]:
    day = np.zeros(len(bright))
    day[bright] = values
    return [round(float(value), 4) for value in day]


def main() -> None:
    """A site as JSON comes in, its table as JSON goes out."""
    site = msgspec.json.decode(sys.stdin.buffer.read(), type=Site)
    sys.stdout.buffer.write(msgspec.json.encode(clear_day(site)))


if __name__ == "__main__":
    main()
