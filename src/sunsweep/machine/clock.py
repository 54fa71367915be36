"""The system's own clocks."""

import time


class SystemClock:
    """Trusted as it is for now; whether it is synchronised will be asked of the system."""

    synchronised = True

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()
