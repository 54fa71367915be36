"""The mark of a machine's state: its icon in the shape and the colour of `look.states`, and its words."""

import flet as ft
import flet.canvas as cv

from sunsweep.app.live.attention import Attention
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.look.states import LOOKS, LOW_WATER_ICON, Shape, StateLook
from sunsweep.app.look.statuses import status_words
from sunsweep.app.words import _

SIZE = 32
"""Logical pixels."""


def mark(found: Attention, *, is_dark: bool, size: float = SIZE, ground: ft.ColorValue | None = None) -> ft.Control:
    """`ground` lies under marks that are not filled, where they do not stand on the page itself."""
    look = LOOKS[found.state]
    is_filled = look.shape is Shape.FILLED
    ink = (look.tone.on_fill if is_filled else look.tone.ink).of(dark=is_dark)
    icon = ft.Icon(_icon(found, look), size=size * 0.58, color=ink)
    if look.shape is Shape.DASHED:
        return ft.Container(
            ft.Stack([_dashes(ink, size), ft.Container(icon, alignment=ft.Alignment.CENTER)], width=size, height=size),
            bgcolor=ground,
            border_radius=size / 2,
        )
    has_line = look.shape in {Shape.OUTLINED, Shape.HOLLOW} or ground is not None
    return ft.Container(
        icon,
        width=size,
        height=size,
        alignment=ft.Alignment.CENTER,
        border_radius=size / 2,
        bgcolor=look.tone.fill.of(dark=is_dark) if is_filled else ground,
        border=ft.Border.all(2 if look.shape is Shape.OUTLINED else 1.5, ink) if has_line else None,
    )


def state_text(found: Attention) -> str:
    """The state in words; of a status that only its own people know, the machine's own word."""
    if found.state is AttentionState.UNKNOWN and found.said:
        return status_words(found.said)
    if found.state is AttentionState.LOW and found.water_pct is None:
        return _("Working, battery low")
    if found.state is AttentionState.LOW and found.battery_v is None:
        return _("Working, water low")
    return LOOKS[found.state].words


def state_ink(found: Attention, *, is_dark: bool) -> str:
    """The colour of the words."""
    return LOOKS[found.state].tone.ink.of(dark=is_dark)


def _icon(found: Attention, look: StateLook) -> ft.IconData:
    is_dry = found.state is AttentionState.LOW and found.battery_v is None
    return LOW_WATER_ICON if is_dry else look.icon


def _dashes(ink: str, size: float) -> cv.Canvas:
    paint = ft.Paint(color=ink, style=ft.PaintingStyle.STROKE, stroke_width=2, stroke_dash_pattern=[4, 3])
    return cv.Canvas([cv.Circle(size / 2, size / 2, size / 2 - 1, paint)], width=size, height=size)
