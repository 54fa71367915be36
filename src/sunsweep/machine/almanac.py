"""What the machine knows of the date: from the system's clock, or from the backend's word."""

from sunsweep.machine.ports import Clock


class Almanac:
    """A clock that is `synchronised` from the first good source on, and stays so.

    The kernel calls its clock unsynchronised again after some nine hours without a time server; by then it is a few
    hundred milliseconds off at worst, and still the best there is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._system_is_good = False
        self._offset_ms: int | None = None

    @property
    def synchronised(self) -> bool:
        self._system_is_good = self._system_is_good or self._clock.synchronised
        return self._system_is_good or self._offset_ms is not None

    def now_ms(self) -> int:
        """The best there is; of no use before `synchronised`."""
        if self.synchronised and not self._system_is_good and self._offset_ms is not None:
            return self.monotonic_ms() + self._offset_ms
        return self._clock.now_ms()

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    def monotonic_ms(self) -> int:
        return round(self._clock.monotonic_s() * 1000)

    def told(self, now_ms: int) -> None:
        """The backend says what time it is: the first word counts, where the system knows nothing itself."""
        if not self.synchronised:
            self._offset_ms = now_ms - self.monotonic_ms()
