"""Leases that nobody renews, whatever time they name: the clock may have stepped back since they were written."""

from collections.abc import Hashable


class Standstill:
    """Watches when leases expire; one that says the same for `after_ms` is nobody's."""

    def __init__(self, *, after_ms: int) -> None:
        self._after_ms = after_ms
        self._seen: dict[Hashable, tuple[int, int]] = {}

    def over_ms(self, name: Hashable, expires_at: int, now_ms: int) -> int:
        """How long a lease has been nobody's; negative while it may be somebody's."""
        known, since_ms = self._seen.get(name, (expires_at, now_ms))
        if known != expires_at or now_ms < since_ms:
            since_ms = now_ms
        self._seen[name] = (expires_at, since_ms)
        return now_ms - since_ms - self._after_ms
