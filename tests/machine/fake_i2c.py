"""An I2C bus whose chips hold registers as their makers describe them, and fail as wires do."""

import errno
import threading
from collections.abc import Callable, Sequence


class WordChip:
    """Registers of 16 bits, high byte first: the Texas Instruments parts."""

    def __init__(self, registers: dict[int, int]) -> None:
        self.registers = registers
        self.silent = False
        self.on_write: Callable[[int, int], None] = self.registers.__setitem__

    def read(self, register: int, length: int) -> list[int]:
        assert length == 2
        return list(self.registers[register].to_bytes(2, "big"))

    def write(self, register: int, data: Sequence[int]) -> None:
        self.on_write(register, int.from_bytes(bytes(data), "big"))


class ByteChip:
    """Registers of 8 bits, counted up while reading: the accelerometers. `power_on` is what they hold at first."""

    def __init__(self, power_on: dict[int, int], *, awake: Callable[[dict[int, int]], bool], data: int) -> None:
        self._power_on = power_on
        self._awake = awake
        self._data = data
        self.silent = False
        self.samples: list[bytes] = []
        self.registers = dict(power_on)

    def lose_power(self) -> None:
        self.registers = dict(self._power_on)

    def read(self, register: int, length: int) -> list[int]:
        if register == self._data and self._awake(self.registers):
            self.samples.append(self.samples.pop(0))
            return list(self.samples[-1])
        return [self.registers.get(register + n, 0) for n in range(length)]

    def write(self, register: int, data: Sequence[int]) -> None:
        for n, byte in enumerate(data):
            self.registers[register + n] = byte


class FakeI2c:
    """Stands for `smbus2.SMBus`."""

    def __init__(self, chips: dict[int, WordChip | ByteChip]) -> None:
        self.chips = chips
        self.dead = False
        self.free = threading.Event()
        self.free.set()
        self.opened = 0

    def open(self, _number: int) -> "FakeI2c":
        if self.dead:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self.opened += 1
        return self

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        return self._chip(i2c_addr).read(register, length)

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        self._chip(i2c_addr).write(register, data)

    def close(self) -> None:
        pass

    def _chip(self, address: int) -> WordChip | ByteChip:
        self.free.wait(20)
        if self.dead:
            raise OSError(errno.ETIMEDOUT, "Connection timed out")
        if address not in self.chips or self.chips[address].silent:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return self.chips[address]


def ina219() -> WordChip:
    """Power-on state, and 20 mV, 11.98 V."""
    return WordChip({0x00: 0x399F, 0x01: 0x07D0, 0x02: 0x5D98})


def ina226() -> WordChip:
    """Power-on state, and 20 mV, 11.98 V."""
    return WordChip({0x00: 0x4127, 0x01: 0x1F40, 0x02: 0x2570, 0xFE: 0x5449, 0xFF: 0x2260})


def ads1115(inputs: dict[int, int]) -> WordChip:
    """Converts `inputs` (code by channel) when it is told to; busy for one look."""
    chip = WordChip({0x00: 0x0000, 0x01: 0x8583})
    looks = [0]

    def write(register: int, value: int) -> None:
        assert register == 0x01
        assert value & 0x8000, "a single conversion is begun by the highest bit"
        assert value & 0x4000, "an input against ground"
        chip.registers[0x01] = value & 0x7FFF
        chip.registers[0x00] = inputs[value >> 12 & 0b11]
        looks[0] = 1

    def read(register: int, length: int) -> list[int]:
        if register == 0x01:
            if looks[0] == 0:
                chip.registers[0x01] |= 0x8000
            looks[0] -= 1
        return WordChip.read(chip, register, length)

    chip.on_write = write
    chip.read = read  # type: ignore[method-assign]  # this chip alone answers so
    return chip


def mpu6050() -> ByteChip:
    """Asleep after power-on (RM-MPU-6000A, 3: 0x40 in 107); at +-4 g 8192 LSB are one g."""
    return ByteChip({0x6B: 0x40, 0x75: 0x68}, awake=lambda r: r[0x6B] & 0x40 == 0 and r.get(0x1C) == 0x08, data=0x3B)


def adxl345() -> ByteChip:
    """Standing by after power-on; in full resolution 256 LSB are one g."""
    return ByteChip(
        {0x00: 0xE5, 0x2C: 0x0A}, awake=lambda r: r.get(0x2D, 0) & 0x08 != 0 and r.get(0x31) == 0x0B, data=0x32
    )
