"""The kinds of lines: an I2C bus that can be dead as a whole, and sensors that stand each for itself."""

from sunsweep.machine.drivers.raspberry.i2c import BusDownError, I2cBus
from sunsweep.machine.drivers.raspberry.lane import Values
from sunsweep.machine.drivers.raspberry.sensor import Sensor


class I2cLine:
    """When none of several sensors that were asked answers, it is the bus."""

    def __init__(self, bus: I2cBus, sensors: list[Sensor]) -> None:
        self.name = bus.name
        self._bus = bus
        self._sensors = sensors

    def look(self) -> Values:
        values = {sensor.sense: sensor.look() for sensor in self._sensors}
        answers = [sensor.answered for sensor in self._sensors]
        if answers.count(False) > 1 and not any(answers):
            self._bus.close()
            raise BusDownError(f"{self.name}: no chip answers")
        return values


class LooseLine:
    """1-Wire, or a receiver of positions."""

    def __init__(self, name: str, sensors: list[Sensor]) -> None:
        self.name = name
        self._sensors = sensors

    def look(self) -> Values:
        return {sensor.sense: sensor.look() for sensor in self._sensors}
