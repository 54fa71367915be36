"""Texas Instruments INA226: the registers of its datasheet (SBOS547)."""

from typing import Final

from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.drivers.raspberry.i2c import I2cBus

CONFIGURATION: Final = 0x00
SHUNT_VOLTAGE: Final = 0x01  # two's complement, 2.5 uV
BUS_VOLTAGE: Final = 0x02  # 1.25 mV, bit 15 is always zero
MANUFACTURER_ID: Final = 0xFE
TEXAS_INSTRUMENTS: Final = 0x5449
CONTINUOUS: Final = 0x4127  # its state after power-on: both voltages, 1.1 ms each, continuously
BUS_RAIL: Final = 0x7FFF
SHUNT_RAILS: Final = frozenset({0x7FFF, -0x8000})


class Ina226:
    """`shunt_ohm` None measures volts, a resistance amps."""

    def __init__(self, bus: I2cBus, address: int, *, shunt_ohm: float | None) -> None:
        self._bus = bus
        self._address = address
        self._shunt_ohm = shunt_ohm
        self._known = False

    def read(self) -> float:
        self._introduce()
        if self._bus.unsigned(self._address, CONFIGURATION) != CONTINUOUS:
            self._bus.write(self._address, CONFIGURATION, CONTINUOUS.to_bytes(2, "big"))
            raise Implausible("was just set up anew")
        return self._volts() if self._shunt_ohm is None else self._shunt_v() / self._shunt_ohm

    def _introduce(self) -> None:
        if self._known:
            return
        maker = self._bus.unsigned(self._address, MANUFACTURER_ID)
        if maker != TEXAS_INSTRUMENTS:
            raise Implausible(f"what answers there is no INA226 (its maker's number is 0x{maker:04X})")
        self._known = True

    def _volts(self) -> float:
        steps = self._bus.unsigned(self._address, BUS_VOLTAGE)
        if steps >= BUS_RAIL:
            raise Implausible("the bus voltage is at the end of its range")
        return steps * 0.00125

    def _shunt_v(self) -> float:
        steps = self._bus.signed(self._address, SHUNT_VOLTAGE)
        if steps in SHUNT_RAILS:
            raise Implausible("the shunt voltage is at the end of its range")
        return steps * 2.5e-6
