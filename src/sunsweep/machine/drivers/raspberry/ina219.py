"""Texas Instruments INA219: the registers of its datasheet (SBOS448)."""

from typing import Final

from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.drivers.raspberry.i2c import I2cBus

CONFIGURATION: Final = 0x00
SHUNT_VOLTAGE: Final = 0x01  # two's complement, 10 uV
BUS_VOLTAGE: Final = 0x02  # bits 15-3, 4 mV
CONTINUOUS_32V_320MV: Final = 0x399F  # its state after power-on: 12 bits, both voltages, continuously
SHUNT_RAIL: Final = 32_000  # full scale of +-320 mV
BUS_RAIL: Final = 8_000  # 32 V


class Ina219:
    """`shunt_ohm` None measures volts, a resistance amps."""

    def __init__(self, bus: I2cBus, address: int, *, shunt_ohm: float | None) -> None:
        self._bus = bus
        self._address = address
        self._shunt_ohm = shunt_ohm

    def read(self) -> float:
        if self._bus.unsigned(self._address, CONFIGURATION) != CONTINUOUS_32V_320MV:
            self._bus.write(self._address, CONFIGURATION, CONTINUOUS_32V_320MV.to_bytes(2, "big"))
            raise Implausible("was just set up anew")
        return self._volts() if self._shunt_ohm is None else self._shunt_v() / self._shunt_ohm

    def _volts(self) -> float:
        steps = self._bus.unsigned(self._address, BUS_VOLTAGE) >> 3
        if steps >= BUS_RAIL:
            raise Implausible("the bus voltage is at the end of its range")
        return steps * 0.004

    def _shunt_v(self) -> float:
        steps = self._bus.signed(self._address, SHUNT_VOLTAGE)
        if abs(steps) >= SHUNT_RAIL:
            raise Implausible("the shunt voltage is at the end of its range")
        return steps * 10e-6
