"""Chips at their registers: values worked out by hand, and what must not be believed."""

import struct
from pathlib import Path

import pytest

from sunsweep.machine.drivers.raspberry.accelerometer import Accelerometer
from sunsweep.machine.drivers.raspberry.ads1115 import Ads1115
from sunsweep.machine.drivers.raspberry.adxl345 import Adxl345
from sunsweep.machine.drivers.raspberry.chip import Implausible
from sunsweep.machine.drivers.raspberry.ds18b20 import Ds18b20
from sunsweep.machine.drivers.raspberry.i2c import BusDownError, I2cBus
from sunsweep.machine.drivers.raspberry.ina219 import Ina219
from sunsweep.machine.drivers.raspberry.ina226 import Ina226
from sunsweep.machine.drivers.raspberry.mpu6050 import Mpu6050
from tests.machine.fake_i2c import ByteChip, FakeI2c, WordChip, ads1115, adxl345, ina219, ina226, mpu6050

AT = 0x40


def on_bus(chip: WordChip | ByteChip) -> I2cBus:
    return I2cBus(1, FakeI2c({AT: chip}).open)


def no_pause(_seconds: float) -> None:
    """Fakes convert at once."""


def test_ina219_says_what_its_registers_hold() -> None:
    bus = on_bus(ina219())
    assert Ina219(bus, AT, shunt_ohm=None).read() == pytest.approx(11.98)
    assert Ina219(bus, AT, shunt_ohm=0.002).read() == pytest.approx(10.0)


def test_ina219_counts_currents_that_flow_back() -> None:
    chip = ina219()
    chip.registers[0x01] = 0x8300  # -320 mV is the rail; -319.99 mV is not
    with pytest.raises(Implausible, match="end of its range"):
        Ina219(on_bus(chip), AT, shunt_ohm=0.1).read()
    chip.registers[0x01] = 0x8301
    assert Ina219(on_bus(chip), AT, shunt_ohm=0.1).read() == pytest.approx(-3.1999)


def test_ina219_at_its_rail_says_nothing() -> None:
    chip = ina219()
    chip.registers[0x02] = 8000 << 3
    with pytest.raises(Implausible, match="end of its range"):
        Ina219(on_bus(chip), AT, shunt_ohm=None).read()


@pytest.mark.parametrize(("chip", "kind"), [(ina219(), Ina219), (ina226(), Ina226)])
def test_a_meter_that_somebody_set_otherwise_is_set_up_before_it_is_believed(
    chip: WordChip, kind: type[Ina219 | Ina226]
) -> None:
    right, chip.registers[0x00] = chip.registers[0x00], 0x0000
    meter = kind(on_bus(chip), AT, shunt_ohm=None)
    with pytest.raises(Implausible, match="set up anew"):
        meter.read()
    assert chip.registers[0x00] == right
    assert meter.read() == pytest.approx(11.98)


def test_ina226_says_what_its_registers_hold() -> None:
    bus = on_bus(ina226())
    assert Ina226(bus, AT, shunt_ohm=None).read() == pytest.approx(11.98)
    assert Ina226(bus, AT, shunt_ohm=0.002).read() == pytest.approx(10.0)


def test_ina226_reads_what_flows_the_other_way() -> None:
    chip = ina226()
    chip.registers[0x01] = 0x8300  # -80 mV
    assert Ina226(on_bus(chip), AT, shunt_ohm=0.01).read() == pytest.approx(-8.0)


@pytest.mark.parametrize(
    ("register", "code", "shunt"), [(0x02, 0x7FFF, None), (0x01, 0x7FFF, 1.0), (0x01, 0x8000, 1.0)]
)
def test_ina226_at_its_rails_says_nothing(register: int, code: int, shunt: float | None) -> None:
    chip = ina226()
    chip.registers[register] = code
    with pytest.raises(Implausible, match="end of its range"):
        Ina226(on_bus(chip), AT, shunt_ohm=shunt).read()


def test_another_chip_at_the_address_is_not_believed() -> None:
    chip = ina226()
    chip.registers[0xFE] = 0x0190
    with pytest.raises(Implausible, match="no INA226"):
        Ina226(on_bus(chip), AT, shunt_ohm=None).read()


@pytest.mark.parametrize(
    ("code", "range_v", "volts"),
    [(0x4000, "4.096", 2.048), (0x0001, "2.048", 62.5e-6), (0xFFFF, "2.048", -62.5e-6), (0x7FFE, "0.256", 0.255984)],
)
def test_ads1115_scales_its_codes_by_its_range(code: int, range_v: str, volts: float) -> None:
    adc = Ads1115(on_bus(ads1115({2: code})), AT, channel=2, range_v=range_v, pause=no_pause)
    assert adc.read() == pytest.approx(volts, abs=1e-6)


def test_ads1115_is_told_input_range_and_rate() -> None:
    chip = ads1115({3: 0x1000})
    Ads1115(on_bus(chip), AT, channel=3, range_v="2.048", pause=no_pause).read()
    # Input AIN3, +-2.048 V, one conversion at 128 a second, no comparator: 0xF583, and ready again.
    assert chip.registers[0x01] == 0xF583


@pytest.mark.parametrize("code", [0x7FFF, 0x8000])
def test_ads1115_at_its_rails_says_nothing(code: int) -> None:
    with pytest.raises(Implausible, match="end of its range"):
        Ads1115(on_bus(ads1115({0: code})), AT, channel=0, range_v="4.096", pause=no_pause).read()


def test_ads1115_that_never_ends_its_conversion_says_nothing() -> None:
    chip = ads1115({0: 1})
    chip.on_write = lambda register, value: chip.registers.__setitem__(register, value & 0x7FFF)
    chip.read = lambda *_: [0, 0]  # type: ignore[method-assign]  # this chip alone answers so
    with pytest.raises(Implausible, match="did not end"):
        Ads1115(on_bus(chip), AT, channel=0, range_v="4.096", pause=no_pause).read()


def mpu_level_and_shaking() -> Accelerometer:
    chip = mpu6050()
    # One g upwards, and 0.1 g back and forth along x.
    chip.samples = [struct.pack(">3h", 819, 0, 8192), struct.pack(">3h", -819, 0, 8192)]
    return Accelerometer(Mpu6050(on_bus(chip), AT), up=None, pause=no_pause)


def test_mpu6050_feels_how_much_it_is_shaken() -> None:
    assert mpu_level_and_shaking().read() == pytest.approx(0.1, abs=0.001)


def test_adxl345_feels_how_far_it_tips() -> None:
    chip = adxl345()
    chip.samples = [struct.pack("<3h", 128, 0, 222)]  # 0.5 g and 0.867 g: 30 degrees
    bus = on_bus(chip)
    assert Accelerometer(Adxl345(bus, AT), up="z", pause=no_pause).read() == pytest.approx(30.0, abs=0.2)
    assert Accelerometer(Adxl345(bus, AT), up="-z", pause=no_pause).read() == pytest.approx(150.0, abs=0.2)
    assert Accelerometer(Adxl345(bus, AT), up="x", pause=no_pause).read() == pytest.approx(60.0, abs=0.2)


@pytest.mark.parametrize(
    ("chip", "kind", "level"),
    [(mpu6050(), Mpu6050, struct.pack(">3h", 0, 0, 8192)), (adxl345(), Adxl345, struct.pack("<3h", 0, 0, 256))],
)
def test_an_accelerometer_that_lost_its_power_is_woken_again_and_not_believed_meanwhile(
    chip: ByteChip, kind: type[Mpu6050 | Adxl345], level: bytes
) -> None:
    chip.samples = [level]
    sensor = Accelerometer(kind(on_bus(chip), AT), up="z", pause=no_pause)
    assert sensor.read() == pytest.approx(0.0)
    chip.lose_power()
    with pytest.raises(Implausible, match=r"feels 0\.00 g"):
        sensor.read()
    assert sensor.read() == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("chip", "kind", "rail"),
    [(mpu6050(), Mpu6050, struct.pack(">3h", 0, 0, 32767)), (adxl345(), Adxl345, struct.pack("<3h", -4096, 0, 256))],
)
def test_an_accelerometer_at_its_rail_says_nothing(chip: ByteChip, kind: type[Mpu6050 | Adxl345], rail: bytes) -> None:
    chip.samples = [rail]
    with pytest.raises(Implausible, match="end of its range"):
        Accelerometer(kind(on_bus(chip), AT), up="z", pause=no_pause).read()


@pytest.mark.parametrize(("chip", "kind", "who"), [(mpu6050(), Mpu6050, 0x75), (adxl345(), Adxl345, 0x00)])
def test_an_accelerometer_of_another_kind_is_named(chip: ByteChip, kind: type[Mpu6050 | Adxl345], who: int) -> None:
    chip.registers[who] = 0x12
    with pytest.raises(Implausible, match=r"is no .*0x12"):
        Accelerometer(kind(on_bus(chip), AT), up="z", pause=no_pause).read()


def test_a_bus_that_is_not_there_is_told_apart_from_a_silent_chip() -> None:
    wires = FakeI2c({})
    with pytest.raises(OSError, match="Remote I/O"):
        Ina219(I2cBus(1, wires.open), AT, shunt_ohm=None).read()
    wires.dead = True
    with pytest.raises(BusDownError, match="I2C bus 1 cannot be opened: No such file"):
        Ina219(I2cBus(1, wires.open), AT, shunt_ohm=None).read()


# As the kernel's w1_therm prints them; the first is the example of its own documentation.
WARM = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
COLD = "5e ff 4b 46 7f ff 02 10 d2 : crc=d2 YES\n5e ff 4b 46 7f ff 02 10 d2 t=-10125\n"
NOISE = WARM.replace("YES", "NO")
LOW_LINE = "00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n"
POWER_ON = "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n"
HOT = "48 05 4b 46 7f ff 0c 10 00 : crc=00 YES\n48 05 4b 46 7f ff 0c 10 00 t=84500\n"


class Thermometer:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "28-00000a1b2c3d" / "w1_slave"
        self._file.parent.mkdir()
        self.chip = Ds18b20(folder, "28-00000a1b2c3d")

    def says(self, text: str) -> float:
        self._file.write_text(text)
        return self.chip.read()


def test_ds18b20_reads_what_the_kernel_prints(tmp_path: Path) -> None:
    thermometer = Thermometer(tmp_path)
    assert thermometer.says(WARM) == 23.125
    assert thermometer.says(COLD) == -10.125


@pytest.mark.parametrize(
    ("text", "words"),
    [(NOISE, "checksum"), (LOW_LINE, "held low"), (POWER_ON, "before its first"), ("", "checksum")],
)
def test_ds18b20_is_not_believed_blindly(tmp_path: Path, text: str, words: str) -> None:
    thermometer = Thermometer(tmp_path)
    assert thermometer.says(WARM) == 23.125
    with pytest.raises(Implausible, match=words):
        thermometer.says(text)


def test_ds18b20_may_say_85_when_it_is_near_it(tmp_path: Path) -> None:
    thermometer = Thermometer(tmp_path)
    assert thermometer.says(HOT) == 84.5
    assert thermometer.says(POWER_ON) == 85.0


def test_ds18b20_that_was_pulled_off_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Ds18b20(tmp_path, "28-00000a1b2c3d").read()
