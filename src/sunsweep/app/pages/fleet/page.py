"""The page of the fleet."""

import flet as ft

from sunsweep.app.hooks.watching import use_changes
from sunsweep.app.look.parts import empty, failed, loading, named
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.net.stream import Link
from sunsweep.app.pages.fleet.board import use_board
from sunsweep.app.pages.fleet.site_map import SiteMap
from sunsweep.app.pages.fleet.strip import Strip
from sunsweep.app.pages.fleet.table import Cards, Table
from sunsweep.app.pages.fleet.tools import Tools
from sunsweep.app.words import _

LIST_SHARE = 2
MAP_SHARE = 1


@ft.component
def FleetPage() -> ft.Control:
    model = use_model()
    watch(model.company)
    # Another company is another fleet, and another page.
    return ft.Container(Present(), key=f"fleet-{id(model.fleet)}", expand=True)


@ft.component
def Present() -> ft.Control:
    """The fleet, or why there is nothing of it yet."""
    model = use_model()
    fleet, feeding = model.fleet, model.feeding
    is_there = bool(fleet.attention)
    use_changes(fleet, lambda _change: bool(fleet.attention) != is_there or not fleet.attention)
    link = watch(feeding.connection).link
    if is_there:
        return Found()
    if feeding.is_complete:
        return _empty()
    if link is Link.LOST:
        return failed(_("The server cannot be reached. This heals by itself."), feeding.refresh)
    return loading(rows=8, height=52)


@ft.component
def Found() -> ft.Control:
    model = use_model()
    window = watch(model.window)
    board = use_board()
    above = [Strip(board, board.counts), Tools(board, board.rows)]
    if window.width is Width.PHONE:
        below: ft.Control = SiteMap(board) if board.wish.is_map else Cards(board, board.rows)
        return ft.Column([*above, ft.Container(below, expand=True)], spacing=8, expand=True)
    if window.width is Width.TABLET:
        below = SiteMap(board) if board.wish.is_map else Table(board, board.rows)
    else:
        below = ft.Row(
            [ft.Container(Table(board, board.rows), expand=LIST_SHARE), ft.Container(SiteMap(board), expand=MAP_SHARE)],
            spacing=16,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        )
    return ft.Column([*above, ft.Container(below, expand=True)], spacing=16, expand=True)


def _empty() -> ft.Control:
    model = use_model()
    if not model.session.may_administer:
        return empty(ft.Icons.SOLAR_POWER_OUTLINED, _("No machines yet"), _("An administrator can add the first one."))
    add = named(
        "add-first-machine",
        ft.FilledButton(_("Add your first machine"), icon=ft.Icons.ADD, on_click=lambda: model.go("/machines/new")),
    )
    return empty(
        ft.Icons.SOLAR_POWER_OUTLINED,
        _("No machines yet"),
        _("Add one, type a single command on it, and watch it come alive here."),
        add,
    )
