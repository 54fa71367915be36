"""How each state of a machine looks and reads: the one table, used everywhere."""

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
    """`message` is its msgid."""

    tone: Tone
    shape: Shape
    icon: ft.IconData
    message: str

    @property
    def words(self) -> str:
        """In the language in use."""
        return gettext(self.message)


_S: Final = AttentionState

LOOKS: Final[dict[AttentionState, StateLook]] = {
    _S.EMERGENCY_STOP: StateLook(RED, Shape.FILLED, ft.Icons.DANGEROUS, N_("Emergency stop")),
    _S.FAULT: StateLook(RED, Shape.PLAIN, ft.Icons.WARNING, N_("Fault")),
    _S.STOP_UNCONFIRMED: StateLook(RED, Shape.OUTLINED, ft.Icons.DANGEROUS_OUTLINED, N_("Stop not confirmed")),
    _S.SILENT_WORKING: StateLook(AMBER, Shape.DASHED, ft.Icons.SENSORS_OFF, N_("Working, but silent")),
    _S.LOW: StateLook(AMBER, Shape.PLAIN, ft.Icons.BATTERY_ALERT, N_("Working, battery or water low")),
    _S.REFUSED: StateLook(AMBER, Shape.PLAIN, ft.Icons.UNSUBSCRIBE, N_("Messages refused or lost")),
    _S.OFFLINE: StateLook(GREY, Shape.HOLLOW, ft.Icons.CLOUD_OFF, N_("Offline")),
    _S.PAUSED: StateLook(BLUE, Shape.PLAIN, ft.Icons.PAUSE, N_("Paused")),
    _S.RETURNING: StateLook(BLUE, Shape.PLAIN, ft.Icons.HOME, N_("Returning")),
    _S.WORKING: StateLook(GREEN, Shape.PLAIN, ft.Icons.CLEANING_SERVICES, N_("Working")),
    _S.CHARGING: StateLook(NEUTRAL, Shape.PLAIN, ft.Icons.BOLT, N_("Charging")),
    _S.IDLE: StateLook(NEUTRAL, Shape.PLAIN, ft.Icons.BEDTIME, N_("Idle")),
    _S.DOCKED: StateLook(NEUTRAL, Shape.PLAIN, ft.Icons.GARAGE, N_("Docked")),
    _S.UNKNOWN: StateLook(GREY, Shape.HOLLOW, ft.Icons.HELP_OUTLINE, N_("Unknown")),
}
LOW_WATER_ICON: Final = ft.Icons.WATER_DROP
"""Beside the words of `LOW`, where it is the tank."""
