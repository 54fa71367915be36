"""InvenSense MPU-6050: its register map (RM-MPU-6000A)."""

import struct
from typing import Final

from sunsweep.machine.drivers.raspberry.acceleration import Vector
from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.drivers.raspberry.i2c import I2cBus

ACCEL_CONFIG: Final = 0x1C
RANGE_4G: Final = 0b01 << 3
STEPS_A_G: Final = 8192  # at +-4 g
ACCEL_XOUT_H: Final = 0x3B  # x, y, z, high bytes first
PWR_MGMT_1: Final = 0x6B  # it sleeps after power-on
AWAKE_ON_GYRO_CLOCK: Final = 0x01
WHO_AM_I: Final = 0x75
ITSELF: Final = frozenset({0x68, 0x70})  # 0x70 is its successor MPU-6500, with the same registers
RAILS: Final = frozenset({0x7FFF, -0x8000})


class Mpu6050:
    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus = bus
        self._address = address

    def wake(self) -> None:
        (who,) = self._bus.read(self._address, WHO_AM_I, 1)
        if who not in ITSELF:
            raise Implausible(f"what answers there is no MPU6050 (it says 0x{who:02X})")
        self._bus.write(self._address, PWR_MGMT_1, bytes([AWAKE_ON_GYRO_CLOCK]))
        self._bus.write(self._address, ACCEL_CONFIG, bytes([RANGE_4G]))

    def sample(self) -> Vector:
        steps = struct.unpack(">3h", self._bus.read(self._address, ACCEL_XOUT_H, 6))
        if RAILS.intersection(steps):
            raise Implausible("the acceleration is at the end of its range")
        return Vector(*(axis / STEPS_A_G for axis in steps))
