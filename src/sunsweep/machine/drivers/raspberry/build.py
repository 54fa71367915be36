"""From options to a body of chips and pins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from sunsweep.machine.drivers.raspberry.chips import check_fit, i2c_chip, loose_chip
from sunsweep.machine.drivers.raspberry.counters import Counters
from sunsweep.machine.drivers.raspberry.drive import RaspberryDrive
from sunsweep.machine.drivers.raspberry.ds18b20 import DEVICES
from sunsweep.machine.drivers.raspberry.health import Health
from sunsweep.machine.drivers.raspberry.i2c import Bus, I2cBus
from sunsweep.machine.drivers.raspberry.lane import Lane
from sunsweep.machine.drivers.raspberry.lines import I2cLine, LooseLine
from sunsweep.machine.drivers.raspberry.options import HardwareOptions, I2cOptions
from sunsweep.machine.drivers.raspberry.pins import pins_of
from sunsweep.machine.drivers.raspberry.sensor import Sensor
from sunsweep.machine.drivers.raspberry.sensors import RaspberrySensors
from sunsweep.machine.ports import NEEDED, Clock, Hardware

LOOSE_PATIENCE_S: Final = 0.02
LOOSE_LIMIT_S: Final = 0.2
"""Of waiting within looks: ten of them, 5 s at the pilot's pace."""


class Board(NamedTuple):
    """What a Pi offers: gpiozero's factory of pins, its I2C buses by number, the kernel's 1-Wire devices."""

    pins: Any
    bus: Callable[[int], Bus]
    w1: Path = DEVICES


def build(options: HardwareOptions, clock: Clock, board: Board) -> Hardware:
    """Claims the pins; buses are opened with the first look, so that a dead one is told like any other fault."""
    for sense, given in options.sensors.items():
        check_fit(sense, given)
    drive = RaspberryDrive(options.drive, pins_of(options.drive, board.pins), clock)
    sensors = RaspberrySensors(
        drive,
        Counters(options.drive, clock),
        vital=_buses(options, clock, board),
        loose=_loose(options, clock, board),
    )
    return Hardware(sensors, drive, NEEDED | options.sensors.keys())


def _buses(options: HardwareOptions, clock: Clock, board: Board) -> list[Lane]:
    buses: dict[int, I2cBus] = {}
    sensors: dict[int, list[Sensor]] = {}
    for sense, given in options.sensors.items():
        if isinstance(given, I2cOptions):
            bus = buses.setdefault(given.bus, I2cBus(given.bus, board.bus))
            sensor = Sensor(sense, i2c_chip(sense, given, bus), given, clock)
            sensors.setdefault(given.bus, []).append(sensor)
    limit_s = options.read_limit_s
    return [Lane(I2cLine(buses[n], sensors[n]), patience_s=limit_s, limit_s=limit_s) for n in buses]


def _loose(options: HardwareOptions, clock: Clock, board: Board) -> list[tuple[Lane, Health]]:
    """Each on a lane of its own: a 1-Wire conversion takes its time, and nobody waits for it."""
    lanes = []
    for sense, given in options.sensors.items():
        if not isinstance(given, I2cOptions):
            sensor = Sensor(sense, loose_chip(given, board.w1, clock), given, clock)
            lane = Lane(LooseLine(f"the line of {sense}", [sensor]), patience_s=LOOSE_PATIENCE_S, limit_s=LOOSE_LIMIT_S)
            lanes.append((lane, Health(f"the line of {sense}", clock)))
    return lanes
