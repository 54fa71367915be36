"""The counts of the fleet, live; each shows the machines that it counts."""

from dataclasses import dataclass, replace

import flet as ft

from sunsweep.app.feeding import Ticks
from sunsweep.app.figures.numbers import number
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.tones import AMBER, BLUE, GREEN, GREY, NEUTRAL, Tone
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.pages.fleet.board import Board
from sunsweep.app.pages.fleet.wish import Show
from sunsweep.app.words import N_, gettext


@dataclass(frozen=True, slots=True)
class _Count:
    show: Show
    icon: ft.IconData
    tone: Tone
    message: str


_COUNTS = (
    _Count(Show.ALL, ft.Icons.SOLAR_POWER, BLUE, N_("All")),
    _Count(Show.ATTENTION, ft.Icons.WARNING, AMBER, N_("Needs attention")),
    _Count(Show.WORKING, ft.Icons.CLEANING_SERVICES, GREEN, N_("Working")),
    _Count(Show.IDLE, ft.Icons.BEDTIME, NEUTRAL, N_("Idle")),
    _Count(Show.OFFLINE, ft.Icons.CLOUD_OFF, GREY, N_("Offline")),
)


@ft.component
def Strip(board: Board, _counts: Ticks) -> ft.Control:
    model = use_model()
    window, is_dark = watch(model.window), use_is_dark()
    is_phone = window.width is Width.PHONE
    return ft.Row(
        [_count(board, one, is_dark=is_dark, is_phone=is_phone) for one in _COUNTS],
        spacing=8,
        scroll=ft.ScrollMode.HIDDEN if is_phone else None,
    )


def _count(board: Board, count: _Count, *, is_dark: bool, is_phone: bool) -> ft.Control:
    n = board.overview.counts[count.show]
    is_chosen = board.wish.show is count.show
    ink = count.tone.ink.of(dark=is_dark) if n else ft.Colors.OUTLINE
    figure = ft.Text(number(n), size=18 if is_phone else 22, weight=ft.FontWeight.W_700, no_wrap=True)
    label = ft.Text(
        gettext(count.message),
        size=12,
        color=ft.Colors.ON_SURFACE_VARIANT,
        no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    tile = ft.Container(
        ft.Column(
            [ft.Row([ft.Icon(count.icon, size=20, color=ink), figure], spacing=8, tight=True), label],
            spacing=0,
            tight=True,
        ),
        padding=ft.Padding.symmetric(horizontal=12, vertical=6),
        border_radius=12,
        bgcolor=ft.Colors.PRIMARY_CONTAINER if is_chosen else ft.Colors.SURFACE_CONTAINER_LOW,
        border=ft.Border.all(1, ft.Colors.PRIMARY if is_chosen else ft.Colors.OUTLINE_VARIANT),
        ink=True,
        on_click=lambda: board.go(replace(board.wish, show=count.show, page=1)),
    )
    return ft.Semantics(
        identifier=f"show-{count.show}", selected=is_chosen, button=True, content=tile, expand=None if is_phone else 1
    )
