"""Texas Instruments ADS1115: the registers of its datasheet (SBAS444)."""

import time
from collections.abc import Callable
from typing import Final

from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.drivers.raspberry.i2c import I2cBus

CONVERSION: Final = 0x00
CONFIG: Final = 0x01
READY_OR_START: Final = 1 << 15  # written: begin a conversion; read: none is under way
AIN0_TO_GROUND: Final = 0b100 << 12  # and AIN1 to AIN3 after it
RANGES: Final = {"6.144": 0, "4.096": 1, "2.048": 2, "1.024": 3, "0.512": 4, "0.256": 5}  # bits 11-9
SINGLE_SHOT: Final = 1 << 8
RATE_128_A_SECOND: Final = 0b100 << 5
NO_COMPARATOR: Final = 0b11
RAILS: Final = frozenset({0x7FFF, -0x8000})
_LOOKS: Final = 20
_LOOK_AFTER_S: Final = 0.002


class Ads1115:
    """One input; each reading is a conversion of its own, because the inputs share the converter."""

    def __init__(
        self, bus: I2cBus, address: int, *, channel: int, range_v: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._bus = bus
        self._address = address
        self._step_v = float(range_v) / 0x8000
        self._order = (
            READY_OR_START
            | AIN0_TO_GROUND + (channel << 12)
            | RANGES[range_v] << 9
            | SINGLE_SHOT
            | RATE_128_A_SECOND
            | NO_COMPARATOR
        )
        self._pause = pause

    def read(self) -> float:
        self._bus.write(self._address, CONFIG, self._order.to_bytes(2, "big"))
        for _ in range(_LOOKS):
            self._pause(_LOOK_AFTER_S)
            if self._bus.unsigned(self._address, CONFIG) & READY_OR_START:
                break
        else:
            raise Implausible("a conversion did not end")
        steps = self._bus.signed(self._address, CONVERSION)
        if steps in RAILS:
            raise Implausible("the input is at the end of its range")
        return steps * self._step_v
