"""Where and when the field is."""

from datetime import date

from msgspec import Struct


class Site(Struct, frozen=True):
    """A place, and the day that repeats there; the default lies in Andalusia, in May."""

    lat: float = 37.44
    lon: float = -6.25
    day: date = date(2026, 5, 15)

    @property
    def name(self) -> str:
        return f"{self.lat:.3f}_{self.lon:.3f}_{self.day}"
