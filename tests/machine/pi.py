"""A Raspberry Pi that is not there: gpiozero's mock pins, a bus of chips, the kernel's files."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from sunsweep.machine.drivers.options import parse_options
from sunsweep.machine.drivers.raspberry.build import Board, build
from sunsweep.machine.drivers.raspberry.options import HardwareOptions
from sunsweep.machine.ports import Hardware, Reading, Sense
from tests.machine.fake_i2c import FakeI2c, ads1115, adxl345, ina219, ina226
from tests.machine.fakes import FakeClock

BRUSH, PUMP, FORWARD, BACKWARD, POWER, DOCK, ROW_END, BUTTON = 12, 17, 22, 23, 27, 5, 6, 13
DRIVE: dict[str, Any] = {
    "brush": {"pin": BRUSH, "pwm": True},
    "pump": {"pin": PUMP},
    "travel": {"forward": FORWARD, "backward": BACKWARD},
    "power": {"pin": POWER},
    "dock": {"pin": DOCK, "bounce_s": 0},
    "row_end": {"pin": ROW_END, "bounce_s": 0},
    "emergency_stop": {"pin": BUTTON},
    "full_speed_m_s": 0.5,
    "width_m": 2.0,
    "pump_l_min": 6.0,
}
SENSORS: dict[str, Any] = {
    "battery_v": {"chip": "ina226", "address": 0x40, "channel": "volts", "scale": 1.1},
    "current_a": {"chip": "ina226", "address": 0x40, "channel": "amps"},
    "solar_v": {"chip": "ina219", "address": 0x41, "channel": "volts"},
    "solar_a": {"chip": "ina219", "address": 0x41, "channel": "amps"},
    "water_pct": {"chip": "ads1115", "address": 0x48, "channel": 0, "scale": 50.0, "offset": -20.0},
    "tilt_deg": {"chip": "adxl345", "address": 0x53},
    "vibration_g": {"chip": "adxl345", "address": 0x53},
    "temp_c": {"chip": "ds18b20", "id": "28-00000a1b2c3d"},
}
WARM = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"


class WiredPin(MockPWMPin):  # type: ignore[misc]  # gpiozero is not typed
    """A contact to ground that is closed wins over the pull-up inside, also one switched on later."""

    closed = False

    def _change_state(self, value: float) -> bool:
        return bool(super()._change_state(value and not self.closed if self.function == "input" else value))


class Pi:
    """At its dock, its button released, its battery at 13.18 V (behind a divider) and its tank at 82 %."""

    def __init__(self, folder: Path, *, sensors: Mapping[str, Any] = SENSORS, read_limit_s: float = 5.0) -> None:
        self.clock = FakeClock()
        self.pins = MockFactory(pin_class=WiredPin)
        self.w1_file = folder / "28-00000a1b2c3d" / "w1_slave"
        self.w1_file.parent.mkdir()
        self.w1_file.write_text(WARM)
        self.water = {0: 0x3FC0}  # 2.04 V of 4.096 V
        self.meter, self.panel, self.adc, self.feeler = ina226(), ina219(), ads1115(self.water), adxl345()
        self.feeler.samples = [bytes([0, 0, 0, 0, 0, 1])]
        self.i2c = FakeI2c({0x40: self.meter, 0x41: self.panel, 0x48: self.adc, 0x53: self.feeler})
        self.close(DOCK)
        self.close(BUTTON)
        self._table = {"sensors": sensors, "drive": DRIVE, "read_limit_s": read_limit_s}
        self._folder = folder

    def body(self) -> Hardware:
        options = parse_options(self._table, HardwareOptions)
        return build(options, self.clock, Board(self.pins, self.i2c.open, self._folder))

    def close(self, pin: int) -> None:
        """The contact between this pin and ground."""
        self.pins.pin(pin).closed = True
        self.pins.pin(pin).drive_low()

    def open(self, pin: int) -> None:
        self.pins.pin(pin).closed = False
        self.pins.pin(pin).drive_high()

    def level(self, pin: int) -> float:
        return float(self.pins.pin(pin).state)

    @property
    def still(self) -> bool:
        return not any(self.level(pin) for pin in (BRUSH, PUMP, FORWARD, BACKWARD))


async def read_all(hardware: Hardware, sense: Sense) -> Reading:
    """Slow sensors are read beside the others: until `sense` is there."""
    async with asyncio.timeout(10):
        while True:
            reading = await hardware.sensors.read()
            if getattr(reading, sense) is not None:
                return reading
