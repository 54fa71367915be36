"""Analog Devices ADXL345: the registers of its datasheet."""

import struct
from typing import Final

from sunsweep.machine.drivers.raspberry.acceleration import Vector
from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.drivers.raspberry.i2c import I2cBus

DEVID: Final = 0x00
ITSELF: Final = 0xE5
BW_RATE: Final = 0x2C
RATE_400_HZ: Final = 0b1100
POWER_CTL: Final = 0x2D  # it stands by after power-on
MEASURE: Final = 1 << 3
DATA_FORMAT: Final = 0x31
FULL_RESOLUTION_16G: Final = 0b1011
DATAX0: Final = 0x32  # x, y, z, low bytes first
STEPS_A_G: Final = 256  # in full resolution
RAILS: Final = frozenset({4095, -4096})  # 13 bits


class Adxl345:
    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus = bus
        self._address = address

    def wake(self) -> None:
        (who,) = self._bus.read(self._address, DEVID, 1)
        if who != ITSELF:
            raise Implausible(f"what answers there is no ADXL345 (it says 0x{who:02X})")
        self._bus.write(self._address, BW_RATE, bytes([RATE_400_HZ]))
        self._bus.write(self._address, DATA_FORMAT, bytes([FULL_RESOLUTION_16G]))
        self._bus.write(self._address, POWER_CTL, bytes([MEASURE]))

    def sample(self) -> Vector:
        steps = struct.unpack("<3h", self._bus.read(self._address, DATAX0, 6))
        if RAILS.intersection(steps):
            raise Implausible("the acceleration is at the end of its range")
        return Vector(*(axis / STEPS_A_G for axis in steps))
