"""What is above the list: search, tags, sorting again, list or map, and a new machine."""

from dataclasses import replace

import flet as ft

from sunsweep.app.feeding import Ticks
from sunsweep.app.hooks.components import unless_same
from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.look.lists import choice
from sunsweep.app.look.parts import named
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.pages.fleet.board import Board, focus
from sunsweep.app.pages.fleet.wish import MAP
from sunsweep.app.words import _

SEARCH_KEY = "/"


@ft.component
def Tools(board: Board, _rows: Ticks) -> ft.Control:
    model = use_model()
    window, session = watch(model.window), watch(model.session)
    is_phone, is_wide = window.width is Width.PHONE, window.width is Width.WIDE
    add = _add(is_short=is_phone) if session.may_administer else None
    hint = _("Search") if is_phone else _("Serial number, name or tag ({key})").format(key=SEARCH_KEY)
    search = ft.Container(Search(board, board.given, hint), expand=True)
    views = [] if is_wide else [_views(board, is_short=is_phone)]
    extras = [
        *([_tags(board)] if board.overview.tags else []),
        *([_again(board)] if board.overview.is_out_of_order else []),
    ]
    if not is_phone:
        return ft.Row([search, *extras, *views, *([add] if add else [])], spacing=12)
    above = ft.Row([search, *views, *([add] if add else [])], spacing=4)
    return ft.Column([above, ft.Row(extras, spacing=8)], spacing=8) if extras else above


@unless_same
@ft.component
def Search(board: Board, _given: int, hint: str) -> ft.Control:
    """The field keeps what is typed, which may be ahead of us; it is told only what was not typed there."""
    field = use_made(ft.Ref[ft.TextField])
    cursor = use_made(_Cursor)
    page = use_model().page

    async def pressed(event: ft.KeyboardEvent) -> None:
        if event.key == SEARCH_KEY and not cursor.here and not (event.ctrl or event.alt or event.meta):
            await focus(field)

    def typing(event: ft.Event[ft.TextField]) -> None:
        board.type(event.control.value)

    def begin() -> None:
        page.on_keyboard_event = pressed

    def end() -> None:
        page.on_keyboard_event = None

    ft.use_effect(begin, [], end)
    return named(
        "fleet-search",
        ft.TextField(
            ref=field,
            value=board.typed,
            hint_text=hint,
            prefix_icon=ft.Icons.SEARCH,
            dense=True,
            filled=True,
            fill_color=ft.Colors.SURFACE_CONTAINER_LOW,
            border_radius=12,
            border_color=ft.Colors.OUTLINE_VARIANT,
            content_padding=ft.Padding.symmetric(horizontal=12, vertical=10),
            text_size=14,
            on_change=typing,
            on_focus=cursor.come,
            on_blur=cursor.go,
        ),
    )


class _Cursor:
    """Whether one types into the field already: then the key is a letter."""

    def __init__(self) -> None:
        self.here = False

    def come(self) -> None:
        self.here = True

    def go(self) -> None:
        self.here = False


def _tags(board: Board) -> ft.Control:
    wish = board.wish
    return choice(
        "fleet-tag",
        _("All tags"),
        wish.tag,
        [(tag, tag) for tag in board.overview.tags],
        lambda tag: board.go(replace(wish, tag=tag, page=1)),
        icon=ft.Icons.LABEL_OUTLINE,
        tooltip=_("Only machines with this tag"),
    )


def _again(board: Board) -> ft.Control:
    tooltip = _("Values have changed since the list was sorted; rows keep their place until you sort again.")
    return named(
        "sort-again",
        ft.OutlinedButton(_("Sort again"), icon=ft.Icons.SORT, tooltip=tooltip, on_click=board.sort_again),
    )


def _views(board: Board, *, is_short: bool) -> ft.Control:
    def chosen(event: ft.Event[ft.SegmentedButton]) -> None:
        board.go(replace(board.wish, is_map=MAP in event.control.selected))

    return named(
        "fleet-view",
        ft.SegmentedButton(
            [
                ft.Segment(
                    value="list",
                    icon=ft.Icon(ft.Icons.VIEW_LIST),
                    label=None if is_short else named("view-list", ft.Text(_("List"))),
                ),
                ft.Segment(
                    value=MAP,
                    icon=ft.Icon(ft.Icons.MAP_OUTLINED),
                    label=None if is_short else named("view-map", ft.Text(_("Map"))),
                ),
            ],
            selected=[MAP if board.wish.is_map else "list"],
            show_selected_icon=False,
            on_change=chosen,
        ),
    )


def _add(*, is_short: bool) -> ft.Control:
    model = use_model()
    if is_short:
        button: ft.Control = ft.IconButton(
            ft.Icons.ADD, tooltip=_("Add machine"), on_click=lambda: model.go("/machines/new")
        )
    else:
        button = ft.FilledTonalButton(_("Add machine"), icon=ft.Icons.ADD, on_click=lambda: model.go("/machines/new"))
    return named("add-machine", button)
