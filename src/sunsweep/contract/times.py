"""One way to write and read an instant: UTC, ISO 8601 with milliseconds; inside, integer milliseconds since 1970."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
FIRST_MS = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
LAST_MS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime, rounded down; an offset may not lead out of the calendar."""
    since = instant - EPOCH
    ms = since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000
    return ms if FIRST_MS <= ms <= LAST_MS else min(max(ms, FIRST_MS), LAST_MS)


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=ms)


@lru_cache(maxsize=16)
def iso(ms: int) -> str:
    """`2026-11-24T08:33:28.250Z` of milliseconds since 1970."""
    return from_ms(ms).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
