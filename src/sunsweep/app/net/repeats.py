"""What a replay shows twice: `?since=` begins with the newest sample known, and overlaps with what is live."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

from sunsweep.app.net.server_clock import read_ms

REMEMBERED: Final = 4096
"""Frames; a server holds at most 256 back for a viewer while it replays."""

Frame = dict[str, Any]


SAME_MS: Final = 1000
"""Samples without a number and with the same values are one within it: each path dates them by its own receipt."""


class Repeats:
    """The newest frames that were shown, by what makes them one."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._shown: dict[Hashable, int] = {}
        """Key -> its time in ms, the newest last."""
        self._remembered = remembered

    def news(self, frames: Sequence[Frame]) -> list[Frame]:
        """Those not seen yet; of anything but samples nothing is shown twice."""
        return [frame for frame in frames if self._is_new(frame)]

    def _is_new(self, frame: Frame) -> bool:
        data = frame.get("data")
        if frame.get("type") != "telemetry" or not isinstance(data, dict):
            return True
        at_ms = read_ms(frame.get("ts")) or 0
        number = data.get("boot"), data.get("seq")
        is_numbered = all(isinstance(one, int) and one for one in number)
        key = number if is_numbered else _values(data)
        before_ms = self._shown.pop(key, None)
        self._shown[key] = at_ms
        if len(self._shown) > self._remembered:
            del self._shown[next(iter(self._shown))]
        return before_ms is None or not (is_numbered or abs(at_ms - before_ms) <= SAME_MS)


def _values(data: Frame) -> Hashable:
    """What was measured; the replay writes numbers and unknown fields in its own way."""
    extra = data.get("extra")
    flat = {**(extra if isinstance(extra, dict) else {}), **data}
    return _hashable({name: value for name, value in flat.items() if name not in {"ts", "extra"}})


def _hashable(value: Any) -> Hashable:
    if isinstance(value, dict):
        return tuple((name, _hashable(value[name])) for name in sorted(value) if value[name] is not None)
    if isinstance(value, list):
        return tuple(_hashable(one) for one in value)
    found: Hashable = value
    return found
