"""Refused logins: told at once, then counted, so that a storm of one address is two lines a minute."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

_MAX_ADDRESSES: Final = 1000

OnRefused = Callable[[str, int], None]
"""Takes the address, and how many further refusals there were since it was told first (then 0)."""


class RefusedLogins:
    """One WARNING per address, and one more at the end of each window that saw further ones."""

    def __init__(self, *, window_s: float = 60, on_refused: OnRefused | None = None) -> None:
        self._window_s = window_s
        self._on_refused = on_refused or (lambda _address, _further: None)
        self._further: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def seen(self, address: str) -> None:
        if address not in self._further and len(self._further) >= _MAX_ADDRESSES:
            address = "many other addresses"
        if address in self._further:
            self._further[address] += 1
            return
        self._further[address] = 0
        logger.warning("the broker refused a login from %s (wrong or unknown username or password)", address)
        self._on_refused(address, 0)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._window_s, self._tell)

    def close(self) -> None:
        """Tell what was counted, and forget it."""
        if self._timer is not None:
            self._timer.cancel()
        self._tell()

    def _tell(self) -> None:
        self._timer = None
        for address, further in self._further.items():
            if further:
                logger.warning("the broker refused %d further logins from %s", further, address)
                self._on_refused(address, further)
        self._further.clear()
