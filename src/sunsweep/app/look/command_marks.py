"""How each state of a command looks: colour, icon, and beside them always the word."""

from typing import Final

import flet as ft

from sunsweep.app.look.tones import AMBER, BLUE, GREEN, GREY, NEUTRAL, RED, Tone
from sunsweep.contract.commands import CommandState

_S: Final = CommandState

MARKS: Final[dict[str, tuple[Tone, ft.IconData]]] = {
    _S.QUEUED: (NEUTRAL, ft.Icons.HOURGLASS_EMPTY),
    _S.SENT: (BLUE, ft.Icons.SEND_OUTLINED),
    _S.ACCEPTED: (BLUE, ft.Icons.THUMB_UP_OUTLINED),
    _S.RUNNING: (BLUE, ft.Icons.PLAY_CIRCLE_OUTLINE),
    _S.SUCCEEDED: (GREEN, ft.Icons.CHECK_CIRCLE_OUTLINE),
    _S.FAILED: (RED, ft.Icons.ERROR_OUTLINE),
    _S.REJECTED: (RED, ft.Icons.BLOCK),
    _S.EXPIRED: (GREY, ft.Icons.TIMER_OFF_OUTLINED),
    _S.CANCELLED: (GREY, ft.Icons.CANCEL_OUTLINED),
    _S.UNCONFIRMED: (AMBER, ft.Icons.HELP_OUTLINE),
    "refused": (RED, ft.Icons.DO_NOT_DISTURB_ON_OUTLINED),
    "not_given": (GREY, ft.Icons.MORE_HORIZ),
}
"""With the two of a machine of a run that was given none."""
OPEN_STOP: Final = (RED, ft.Icons.DANGEROUS_OUTLINED)
"""A stop of which no machine has said that it was done."""
_UNKNOWN: Final = (NEUTRAL, ft.Icons.HELP_OUTLINE)


def command_ink(state: str, *, is_dark: bool, is_open_stop: bool = False) -> str:
    """The colour of icon and words."""
    return _look(state, is_open_stop=is_open_stop)[0].ink.of(dark=is_dark)


def command_mark(state: str, *, is_dark: bool, is_open_stop: bool = False, size: float = 22) -> ft.Icon:
    """The icon of a command's state."""
    tone, icon = _look(state, is_open_stop=is_open_stop)
    return ft.Icon(icon, size=size, color=tone.ink.of(dark=is_dark))


def _look(state: str, *, is_open_stop: bool) -> tuple[Tone, ft.IconData]:
    return OPEN_STOP if is_open_stop else MARKS.get(state, _UNKNOWN)
