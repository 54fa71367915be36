"""What a replay shows twice: `?since=` begins with the newest sample known, and overlaps with what is live."""

import json
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any, Final

REMEMBERED: Final = 4096
"""Frames; a server holds at most 256 back for a viewer while it replays."""

Frame = dict[str, Any]


class Repeats:
    """The newest frames that were shown, by what makes them one."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._keys: set[Hashable] = set()
        self._order: deque[Hashable] = deque()
        self._remembered = remembered

    def news(self, frames: Sequence[Frame]) -> list[Frame]:
        """Those not seen yet. A snapshot and what is told about a replay always are."""
        return [frame for frame in frames if self._is_new(frame)]

    def _is_new(self, frame: Frame) -> bool:
        if frame.get("type") != "telemetry":
            return True
        key = _key(frame)
        if key in self._keys:
            return False
        self._keys.add(key)
        self._order.append(key)
        if len(self._order) > self._remembered:
            self._keys.discard(self._order.popleft())
        return True


def _key(frame: Frame) -> Hashable:
    """A sample's number; of one without, its time and its values, which the replay writes in its own order."""
    data = frame.get("data") or {}
    if data.get("boot") and data.get("seq"):
        return data["boot"], data["seq"]
    values = {name: value for name, value in data.items() if name != "ts"}
    return frame.get("ts"), json.dumps(values, sort_keys=True)
