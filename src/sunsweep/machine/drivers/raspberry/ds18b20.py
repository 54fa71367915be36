"""DS18B20, read through the kernel's 1-Wire driver (w1_therm's `w1_slave`)."""

import re
from pathlib import Path
from typing import Final

from sunsweep.machine.drivers.raspberry.chip import Implausible

DEVICES: Final = Path("/sys/bus/w1/devices")
POWER_ON_MILLI_C: Final = 85_000  # what the chip holds before its first conversion
_NEAR_C: Final = 5.0
_TEMPERATURE: Final = re.compile(r"\bt=(-?\d+)\s*$")


class Ds18b20:
    def __init__(self, devices: Path, identifier: str) -> None:
        self._file = devices / identifier / "w1_slave"
        self._last_c: float | None = None

    def read(self) -> float:
        first, _, second = self._file.read_text(encoding="ascii", errors="replace").partition("\n")
        if not first.rstrip().endswith("YES"):
            raise Implausible("its checksum is wrong")
        # All zeros have a right checksum too: that is a data line held low.
        if first.startswith("00 00 00 00 00 00 00 00"):
            raise Implausible("the data line is held low")
        found = _TEMPERATURE.search(second)
        if found is None:
            raise Implausible("the kernel gives no temperature")
        milli_c = int(found[1])
        if milli_c == POWER_ON_MILLI_C and not self._was_near(milli_c / 1000):
            raise Implausible("85 °C is what it says before its first conversion")
        self._last_c = milli_c / 1000
        return self._last_c

    def _was_near(self, temp_c: float) -> bool:
        return self._last_c is not None and abs(self._last_c - temp_c) < _NEAR_C
