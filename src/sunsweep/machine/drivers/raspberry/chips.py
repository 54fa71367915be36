"""Which chip an option names."""

from pathlib import Path

from sunsweep.machine.drivers.raspberry.accelerometer import Accelerometer
from sunsweep.machine.drivers.raspberry.ads1115 import Ads1115
from sunsweep.machine.drivers.raspberry.adxl345 import Adxl345
from sunsweep.machine.drivers.raspberry.chip import Chip
from sunsweep.machine.drivers.raspberry.ds18b20 import Ds18b20
from sunsweep.machine.drivers.raspberry.gps import Gps, GpsdStream, SerialStream, position_of_gpsd
from sunsweep.machine.drivers.raspberry.i2c import I2cBus
from sunsweep.machine.drivers.raspberry.ina219 import Ina219
from sunsweep.machine.drivers.raspberry.ina226 import Ina226
from sunsweep.machine.drivers.raspberry.mpu6050 import Mpu6050
from sunsweep.machine.drivers.raspberry.nmea import position_of
from sunsweep.machine.drivers.raspberry.options import (
    Ads1115Options,
    Adxl345Options,
    AnySensor,
    Ds18b20Options,
    GpsdOptions,
    I2cOptions,
    Ina219Options,
    Ina226Options,
    Mpu6050Options,
    NmeaOptions,
)
from sunsweep.machine.ports import BadOptions, Clock, Sense

_FEELS = frozenset({Sense.VIBRATION_G, Sense.TILT_DEG})
_Acceleration = Mpu6050Options | Adxl345Options
_Receiver = GpsdOptions | NmeaOptions


def check_fit(sense: Sense, options: AnySensor) -> None:
    """Raises `BadOptions` for a chip that cannot measure what it is named for."""
    if isinstance(options, _Acceleration):
        fits = sense in _FEELS
    elif isinstance(options, _Receiver):
        fits = sense is Sense.POSITION
    elif isinstance(options, Ds18b20Options):
        fits = sense is Sense.TEMP_C
    else:
        fits = sense not in _FEELS | {Sense.POSITION}
    if not fits:
        raise BadOptions(f"this chip does not measure {sense} - at `hardware.sensors.{sense}.chip`")


def i2c_chip(sense: Sense, options: I2cOptions, bus: I2cBus) -> Chip:
    """A chip on a bus."""
    address = options.address
    match options:
        case Ina219Options(channel=channel, shunt_ohm=shunt_ohm):
            return Ina219(bus, address, shunt_ohm=None if channel == "volts" else shunt_ohm)
        case Ina226Options(channel=channel, shunt_ohm=shunt_ohm):
            return Ina226(bus, address, shunt_ohm=None if channel == "volts" else shunt_ohm)
        case Ads1115Options(channel=channel, range_v=range_v):
            return Ads1115(bus, address, channel=channel, range_v=range_v)
        case Mpu6050Options(up=up):
            return Accelerometer(Mpu6050(bus, address), up=up if sense is Sense.TILT_DEG else None)
        case Adxl345Options(up=up):
            return Accelerometer(Adxl345(bus, address), up=up if sense is Sense.TILT_DEG else None)
    raise AssertionError(options)


def loose_chip(options: Ds18b20Options | GpsdOptions | NmeaOptions, devices: Path, clock: Clock) -> Chip:
    """A chip that needs no bus of ours."""
    match options:
        case Ds18b20Options(id=identifier):
            return Ds18b20(devices, identifier)
        case GpsdOptions(host=host, port=port):
            return Gps(lambda: GpsdStream(host, port), position_of_gpsd, clock)
        case NmeaOptions(path=path, baud=baud):
            return Gps(lambda: SerialStream(path, baud), position_of, clock)
