"""Which of the broker's URLs to try next, and which one worked, also over restarts."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, json

from sunsweep.machine.damage import UNREADABLE
from sunsweep.machine.endpoint import Endpoint
from sunsweep.machine.whole_file import write_whole

FILE: Final = "broker.json"

_log = logging.getLogger(__name__)


class Routes:
    """The one that worked last, then the others in the file's order."""

    def __init__(self, endpoints: Sequence[Endpoint], remembered: str | None = None) -> None:
        self._endpoints = list(dict.fromkeys(endpoints))
        self._worked = next((one for one in self._endpoints if str(one) == remembered), None)
        self._turn = 0
        self._order = self._endpoints
        self._set_out(self._worked)

    @property
    def current(self) -> Endpoint:
        """To be tried, or in use."""
        return self._order[self._turn]

    @property
    def better(self) -> list[Endpoint]:
        """Those that the file names before the current one."""
        return self._endpoints[: self._endpoints.index(self.current)]

    def worked(self) -> bool:
        """The current one connected; whether that is to be remembered."""
        news = self.current != self._worked
        self._worked = self.current
        self._set_out(self.current)
        return news and len(self._endpoints) > 1

    def failed(self) -> bool:
        """The current one did not; whether all have been tried."""
        self._turn = (self._turn + 1) % len(self._order)
        return self._turn == 0

    def prefer(self, endpoint: Endpoint) -> None:
        """Try this one next; where it fails, the one that worked last."""
        self._order = [endpoint, *(one for one in self._order if one != endpoint)]
        self._turn = 0

    def _set_out(self, first: Endpoint | None) -> None:
        self._turn = 0
        if first is not None:
            self._order = [first, *(one for one in self._endpoints if one != first)]


class _Kept(Struct, frozen=True):
    url: str


class RouteMemory:
    """A small file, written only when another URL works; blocks. Without a folder nothing is kept."""

    def __init__(self, folder: str | None) -> None:
        self._file = None if folder is None else Path(folder) / FILE

    def recall(self) -> str | None:
        """The URL that worked; None where none is known, and where the file is damaged."""
        try:
            return None if self._file is None else json.decode(self._file.read_bytes(), type=_Kept).url
        except (OSError, *UNREADABLE):
            return None

    def keep(self, url: str) -> None:
        """Whole or not at all; a full disk only costs the memory."""
        if self._file is None:
            return
        try:
            write_whole(self._file, json.encode(_Kept(url)))
        except OSError as error:
            _log.warning("which URL of the broker works cannot be kept in %s: %s", self._file, error.strerror)
