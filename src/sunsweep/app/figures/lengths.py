"""How long something took or lasted, as short as it still says something."""

from typing import Final

from sunsweep.app.words import _, ngettext

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


def length(seconds: float) -> str:
    """45 s; 12 min; 3 h 20 min; 4 days: the last of the units is rounded down."""
    if seconds < _MINUTE_S:
        return _("{n} s").format(n=int(seconds))
    if seconds < _HOUR_S:
        return _("{n} min").format(n=int(seconds // _MINUTE_S))
    if seconds < _DAY_S:
        hours, minutes = divmod(int(seconds // _MINUTE_S), 60)
        if minutes == 0:
            return _("{n} h").format(n=hours)
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    days = int(seconds // _DAY_S)
    return ngettext("{n} day", "{n} days", days).format(n=days)
