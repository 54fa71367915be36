"""The system's own clocks."""

import ctypes
import time
from datetime import UTC, datetime
from typing import Final

_STA_UNSYNC: Final = 0x40
_YEAR_OF_A_SET_CLOCK: Final = 2025


class SystemClock:
    """Trusted as it is: for simulated machines, and where the file says so."""

    @property
    def synchronised(self) -> bool:
        return True

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class KernelClock(SystemClock):
    """Trusted as far as the kernel trusts it.

    systemd-timesyncd, chrony and ntpd all clear the kernel's `STA_UNSYNC` when they have set the clock; `adjtimex`
    only reads it here and needs no rights. Where there is no such call, a year before 2025 is no date.
    """

    @property
    def synchronised(self) -> bool:
        status = _kernel_status()
        if status is None:
            return datetime.now(UTC).year >= _YEAR_OF_A_SET_CLOCK
        return not status & _STA_UNSYNC


class _Timex(ctypes.Structure):
    """The beginning of the kernel's `struct timex`, and more room than the rest of it takes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def _kernel_status() -> int | None:
    """The `STA_*` bits, or None where this system has none."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError, TypeError):
        return None
    return None if state < 0 else int(timex.status)
