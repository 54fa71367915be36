"""How each state of a machine looks, reads and sorts: the one table, used everywhere."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import flet as ft

from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.look.tones import AMBER, BLUE, GREEN, GREY, NEUTRAL, RED, Tone
from sunsweep.app.words import N_, gettext


class Shape(StrEnum):
    """How a state's mark is drawn, so that its colour is not the only sign."""

    FILLED = "filled"
    PLAIN = "plain"
    OUTLINED = "outlined"
    DASHED = "dashed"
    HOLLOW = "hollow"


@dataclass(frozen=True, slots=True)
class StateLook:
    """`rank`: 1 needs a person most; None needs nobody."""

    tone: Tone
    shape: Shape
    icon: ft.IconData
    rank: int | None
    message: str

    @property
    def words(self) -> str:
        """In the language in use."""
        return gettext(self.message)

    @property
    def needs_attention(self) -> bool:
        return self.rank is not None


_S: Final = AttentionState

LOOKS: Final[dict[AttentionState, StateLook]] = {
    _S.EMERGENCY_STOP: StateLook(RED, Shape.FILLED, ft.Icons.DANGEROUS, 1, N_("Emergency stop")),
    _S.FAULT: StateLook(RED, Shape.PLAIN, ft.Icons.WARNING, 2, N_("Fault")),
    _S.STOP_UNCONFIRMED: StateLook(RED, Shape.OUTLINED, ft.Icons.DANGEROUS_OUTLINED, 3, N_("Stop not confirmed")),
    _S.SILENT_WORKING: StateLook(AMBER, Shape.DASHED, ft.Icons.SENSORS_OFF, 4, N_("Working, but silent")),
    _S.LOW: StateLook(AMBER, Shape.PLAIN, ft.Icons.BATTERY_ALERT, 5, N_("Working, battery or water low")),
    _S.REFUSED: StateLook(AMBER, Shape.PLAIN, ft.Icons.UNSUBSCRIBE, 6, N_("Messages refused or lost")),
    _S.OFFLINE: StateLook(GREY, Shape.HOLLOW, ft.Icons.CLOUD_OFF, 7, N_("Offline")),
    _S.PAUSED: StateLook(BLUE, Shape.PLAIN, ft.Icons.PAUSE, None, N_("Paused")),
    _S.RETURNING: StateLook(BLUE, Shape.PLAIN, ft.Icons.HOME, None, N_("Returning")),
    _S.WORKING: StateLook(GREEN, Shape.PLAIN, ft.Icons.CLEANING_SERVICES, None, N_("Working")),
    _S.CHARGING: StateLook(NEUTRAL, Shape.PLAIN, ft.Icons.BOLT, None, N_("Charging")),
    _S.IDLE: StateLook(NEUTRAL, Shape.PLAIN, ft.Icons.BEDTIME, None, N_("Idle")),
    _S.DOCKED: StateLook(NEUTRAL, Shape.PLAIN, ft.Icons.GARAGE, None, N_("Docked")),
    _S.UNKNOWN: StateLook(GREY, Shape.HOLLOW, ft.Icons.HELP_OUTLINE, None, N_("Unknown")),
}
LOW_WATER_ICON: Final = ft.Icons.WATER_DROP
"""Beside the words of `LOW`, where it is the tank."""


def by_need(state: AttentionState) -> int:
    """A key to sort by: what needs a person first, the rest in the table's order."""
    return list(LOOKS).index(state)
