"""The `[hardware]` table of the `raspberry` driver."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from sunsweep.machine.ports import Sense

Address = Annotated[int, Meta(ge=0x08, le=0x77)]
Pin = Annotated[int, Meta(ge=0, le=53)]
Positive = Annotated[float, Meta(gt=0)]


class SensorOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="chip"):
    """What all have: a value is `raw * scale + offset`, and none at all outside of `low` to `high`."""

    scale: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    every_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class I2cOptions(SensorOptions, frozen=True, kw_only=True):
    """A chip on `/dev/i2c-<bus>`."""

    bus: Annotated[int, Meta(ge=0, le=99)] = 1
    address: Address


class Ina219Options(I2cOptions, frozen=True, kw_only=True, tag="ina219"):
    """Volts at its load side, or amps through its shunt."""

    channel: Literal["volts", "amps"]
    shunt_ohm: Positive = 0.1


class Ina226Options(I2cOptions, frozen=True, kw_only=True, tag="ina226"):
    """Volts at VBUS, or amps through its shunt."""

    channel: Literal["volts", "amps"]
    shunt_ohm: Positive = 0.002


class Ads1115Options(I2cOptions, frozen=True, kw_only=True, tag="ads1115"):
    """Volts at AIN0 to AIN3 against ground."""

    channel: Annotated[int, Meta(ge=0, le=3)]
    range_v: Literal["6.144", "4.096", "2.048", "1.024", "0.512", "0.256"] = "4.096"


Axis = Literal["x", "y", "z", "-x", "-y", "-z"]


class Mpu6050Options(I2cOptions, frozen=True, kw_only=True, tag="mpu6050"):
    """`up`: the axis that points to the sky when the machine stands level."""

    up: Axis = "z"
    every_s: Annotated[float, Meta(ge=0, le=3600)] = 1.0


class Adxl345Options(I2cOptions, frozen=True, kw_only=True, tag="adxl345"):
    """`up`: the axis that points to the sky when the machine stands level."""

    up: Axis = "z"
    every_s: Annotated[float, Meta(ge=0, le=3600)] = 1.0


class Ds18b20Options(SensorOptions, frozen=True, kw_only=True, tag="ds18b20"):
    """Read by the kernel (`dtoverlay=w1-gpio`). A conversion takes 750 ms."""

    id: Annotated[str, Meta(pattern=r"^28-[0-9a-f]{12}\Z")]
    every_s: Annotated[float, Meta(ge=1, le=3600)] = 10.0


class GpsdOptions(SensorOptions, frozen=True, kw_only=True, tag="gpsd"):
    """gpsd's JSON over TCP."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 2947


class NmeaOptions(SensorOptions, frozen=True, kw_only=True, tag="nmea"):
    """A receiver's NMEA 0183 sentences on a serial line."""

    path: str
    baud: Literal[4800, 9600, 19200, 38400, 57600, 115200] = 9600


AnySensor = (
    Ina219Options
    | Ina226Options
    | Ads1115Options
    | Mpu6050Options
    | Adxl345Options
    | Ds18b20Options
    | GpsdOptions
    | NmeaOptions
)


class OutputOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """A relay or a transistor on a pin (BCM number); `pwm` where it may be dimmed."""

    pin: Pin
    active_high: bool = True
    pwm: bool = False


class TravelOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """An H bridge with one pin a direction; `pwm` false for two relays."""

    forward: Pin
    backward: Pin
    enable: Pin | None = None
    pwm: bool = True


class SwitchOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """A contact from a pin to ground, pulled up inside. `on_when` says which of its two ways means yes."""

    pin: Pin
    on_when: Literal["closed", "open"] = "closed"
    bounce_s: Annotated[float, Meta(ge=0, le=1)] = 0.02


class ButtonOptions(SwitchOptions, frozen=True):
    """The emergency stop: a contact that opens when it is pressed, so that a broken wire is a pressed button."""

    on_when: Literal["closed", "open"] = "open"
    bounce_s: Annotated[float, Meta(ge=0, le=1)] = 0.0


class DriveOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Motors and contacts, and the figures that the run's counters are made of."""

    brush: OutputOptions
    pump: OutputOptions
    travel: TravelOptions
    dock: SwitchOptions
    row_end: SwitchOptions | None = None
    emergency_stop: ButtonOptions | None = None
    power: OutputOptions | None = None
    home_speed: Annotated[int, Meta(ge=1, le=10)] = 5
    home_limit_s: Positive = 600.0
    full_speed_m_s: Annotated[float, Meta(ge=0)] = 0.0
    width_m: Annotated[float, Meta(ge=0)] = 0.0
    pump_l_min: Annotated[float, Meta(ge=0)] = 0.0


class HardwareOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[hardware]`: sensors by what they measure, and the drive."""

    sensors: dict[Sense, AnySensor] = field(default_factory=dict)
    drive: DriveOptions
    read_limit_s: Annotated[float, Meta(gt=0, le=30)] = 2.0
