"""Command ids: UUIDv7, whose text order is the order of drawing (RFC 9562, section 5.7)."""

from uuid import UUID

_RANDOM_BITS = 74


def uuid7(ms: int, random_bits: int) -> str:
    """The UUIDv7 of an instant (ms since 1970, 48 bits) and 74 random bits."""
    high, low = divmod(random_bits & ((1 << _RANDOM_BITS) - 1), 1 << 62)
    return str(UUID(int=(ms & (1 << 48) - 1) << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


def uuid7_ms(identifier: str) -> int:
    """The instant a UUIDv7 was drawn, in ms since 1970."""
    return UUID(identifier).int >> 80


def next_uuid7(now_ms: int, random_bits: int, *, after: str | None) -> str:
    """A UUIDv7 that is newer than `after`, also where the clock has stepped back since."""
    ms = now_ms if after is None else max(now_ms, uuid7_ms(after) + 1)
    return uuid7(ms, random_bits)
