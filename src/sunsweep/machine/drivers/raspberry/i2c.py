"""An I2C bus as `smbus2` offers it, opened when first needed and again after it failed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from sunsweep.machine.ports import HardwareError


class Bus(Protocol):
    """What the chips need of `smbus2.SMBus`."""

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]: ...

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None: ...

    def close(self) -> None: ...


class BusDownError(HardwareError):
    """Not one chip, but the bus itself."""


class I2cBus:
    """One bus, used by one thread at a time."""

    def __init__(self, number: int, opened: Callable[[int], Bus]) -> None:
        self.name = f"I2C bus {number}"
        self._number = number
        self._opened = opened
        self._bus: Bus | None = None

    def read(self, address: int, register: int, length: int) -> bytes:
        """Raises `OSError` for a chip that does not answer, `BusDownError` where there is no bus."""
        return bytes(self._open().read_i2c_block_data(address, register, length))

    def write(self, address: int, register: int, data: bytes) -> None:
        self._open().write_i2c_block_data(address, register, list(data))

    def unsigned(self, address: int, register: int) -> int:
        """A register of 16 bits, high byte first."""
        return int.from_bytes(self.read(address, register, 2), "big")

    def signed(self, address: int, register: int) -> int:
        return int.from_bytes(self.read(address, register, 2), "big", signed=True)

    def close(self) -> None:
        if self._bus is not None:
            with suppress(OSError):
                self._bus.close()
            self._bus = None

    def _open(self) -> Bus:
        if self._bus is None:
            try:
                self._bus = self._opened(self._number)
            except OSError as error:
                raise BusDownError(f"{self.name} cannot be opened: {error.strerror or error}") from error
        return self._bus
