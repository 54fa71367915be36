"""The list: its head that sorts, fifty rows, and the way to the next fifty."""

from dataclasses import dataclass, replace

import flet as ft

from sunsweep.app.feeding import Ticks
from sunsweep.app.figures.numbers import number
from sunsweep.app.look.parts import empty, named, quiet
from sunsweep.app.pages.fleet.board import Board
from sunsweep.app.pages.fleet.overview import PAGE
from sunsweep.app.pages.fleet.row import (
    BATTERY_WIDTH,
    CARD_HEIGHT,
    EDGE,
    GAP,
    HEARD_WIDTH,
    NAME_SHARE,
    ROW_HEIGHT,
    SOLAR_WIDTH,
    STATE_SHARE,
    WATER_WIDTH,
    Card,
    Row,
)
from sunsweep.app.pages.fleet.wish import Column, Show, Wish
from sunsweep.app.words import N_, _, gettext, ngettext


@dataclass(frozen=True, slots=True)
class _Head:
    column: Column
    message: str
    expand: int | None = None
    width: float | None = None


_HEADS = (
    _Head(Column.ATTENTION, N_("State"), expand=STATE_SHARE),
    _Head(Column.NAME, N_("Machine"), expand=NAME_SHARE),
    _Head(Column.BATTERY, N_("Battery"), width=BATTERY_WIDTH),
    _Head(Column.SOLAR, N_("Solar"), width=SOLAR_WIDTH),
    _Head(Column.WATER, N_("Water"), width=WATER_WIDTH),
    _Head(Column.HEARD, N_("Last heard"), width=HEARD_WIDTH),
)


@ft.component
def Table(board: Board, _rows: Ticks) -> ft.Control:
    """On everything that is wider than a phone."""
    shown = board.overview.on_page
    head = ft.Container(
        ft.Row([ft.Container(width=36), *(_head(board, one) for one in _HEADS)], spacing=GAP),
        height=40,
        padding=ft.Padding.symmetric(horizontal=EDGE),
        bgcolor=ft.Colors.SURFACE_CONTAINER,
        border=ft.Border(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
    )
    rows = ft.ListView([Row(machine_id) for machine_id in shown], item_extent=ROW_HEIGHT, expand=True)
    return ft.Container(
        ft.Column([head, rows if shown else _nobody(board), *_pager(board)], spacing=0, expand=True),
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        border_radius=12,
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOWEST,
        expand=True,
    )


@ft.component
def Cards(board: Board, _rows: Ticks) -> ft.Control:
    """On a phone."""
    shown = board.overview.on_page
    cards = ft.ListView([Card(machine_id) for machine_id in shown], item_extent=CARD_HEIGHT, expand=True)
    return ft.Column([cards if shown else _nobody(board), *_pager(board)], spacing=0, expand=True)


def _head(board: Board, head: _Head) -> ft.Control:
    wish = board.wish
    is_sorted = wish.sort is head.column
    text = ft.Text(
        gettext(head.message),
        size=12,
        weight=ft.FontWeight.W_700 if is_sorted else ft.FontWeight.W_500,
        color=ft.Colors.ON_SURFACE if is_sorted else ft.Colors.ON_SURFACE_VARIANT,
        no_wrap=True,
    )
    arrow = ft.Icon(ft.Icons.ARROW_DOWNWARD if wish.is_reversed else ft.Icons.ARROW_UPWARD, size=14, visible=is_sorted)
    is_numeric = head.width is not None
    return ft.Container(
        named(
            f"sort-{head.column}",
            ft.Container(
                ft.Row(
                    [arrow, text] if is_numeric else [text, arrow],
                    spacing=2,
                    alignment=ft.MainAxisAlignment.END if is_numeric else ft.MainAxisAlignment.START,
                ),
                height=40,
                border_radius=4,
                ink=True,
                on_click=lambda: board.go(wish.sorted_by(head.column)),
            ),
        ),
        width=head.width,
        expand=head.expand,
    )


def _pager(board: Board) -> list[ft.Control]:
    overview, wish = board.overview, board.wish
    total = len(overview.shown)
    if total <= PAGE:
        return []
    page = overview.page
    first, last = (page - 1) * PAGE + 1, min(page * PAGE, total)
    said = ngettext("{first} to {last} of {n} machine", "{first} to {last} of {n} machines", total)
    words = said.format(first=number(first), last=number(last), n=number(total))

    def step(identifier: str, icon: ft.IconData, to: int, tooltip: str) -> ft.Control:
        return named(
            identifier,
            ft.IconButton(
                icon,
                tooltip=tooltip,
                disabled=not 1 <= to <= overview.pages,
                on_click=lambda: board.go(replace(wish, page=to)),
            ),
        )

    return [
        ft.Container(
            ft.Row(
                [
                    named("page-words", quiet(words)),
                    step("page-previous", ft.Icons.NAVIGATE_BEFORE, page - 1, _("Previous page")),
                    step("page-next", ft.Icons.NAVIGATE_NEXT, page + 1, _("Next page")),
                ],
                alignment=ft.MainAxisAlignment.END,
            ),
            padding=ft.Padding.symmetric(horizontal=EDGE),
            border=ft.Border(top=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
        )
    ]


def _nobody(board: Board) -> ft.Control:
    everybody = named("show-everybody", ft.OutlinedButton(_("Show all machines"), on_click=lambda: board.go(Wish())))
    if replace(board.wish, is_map=False, page=1) == Wish(show=Show.ATTENTION):
        said = empty(
            ft.Icons.TASK_ALT, _("No machine needs anybody"), _("All are well, as far as they say."), everybody
        )
        return ft.Container(said, expand=True, alignment=ft.Alignment.CENTER)
    return ft.Container(
        empty(
            ft.Icons.SEARCH_OFF, _("No machine is like that"), _("Other words or another count show more."), everybody
        ),
        expand=True,
        alignment=ft.Alignment.CENTER,
    )
