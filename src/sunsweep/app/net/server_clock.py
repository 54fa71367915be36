"""What time it is at the server: a computer's clock may be wrong by hours, and ages are told by the server's."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

DATE_IS_BEHIND_S: Final = 2.5
"""A `Date` header has whole seconds, and uvicorn writes it anew once a second."""


class ServerClock:
    """The server's time from the local monotonic clock, which nobody sets, and what the server has said.

    What the server says is a little old when it arrives, so each word is a lower bound, and the highest is nearest.
    A later word that cannot be (the server's clock was set back) begins anew. A computer that slept needs nothing: its
    monotonic clock may have stood still meanwhile, and the next word is then simply higher.
    """

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic = monotonic
        self._offset_s = wall() - monotonic()
        self._is_told = False

    def now_s(self) -> float:
        """Seconds since 1970, UTC; the computer's own until the server has said something."""
        return self._monotonic() + self._offset_s

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return int(self.now_s() * 1000)

    def told(self, at_s: float, *, behind_s: float, asked_s: float | None = None) -> None:
        """The server said `at_s`, at most `behind_s` old when said; `asked_s`: monotonic time at which it was asked."""
        least = at_s - self._monotonic()
        is_set_back = asked_s is not None and at_s + behind_s - asked_s < self._offset_s
        if not self._is_told or least > self._offset_s or is_set_back:
            self._offset_s, self._is_told = least, True

    def told_date(self, header: str | None, *, asked_s: float) -> None:
        """The `Date` of an answer (RFC 9110, section 6.6.1); one that cannot be read says nothing."""
        if not header:
            return
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return
        self.told(at.timestamp(), behind_s=DATE_IS_BEHIND_S, asked_s=asked_s)

    def told_ms(self, at_ms: int) -> None:
        """A frame's `ts` that is the server's own."""
        self.told(at_ms / 1000, behind_s=0.0)


def read_ms(text: str | None) -> int | None:
    """An instant of the API (RFC 3339) in milliseconds since 1970; None for none and for what is no instant."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
