"""What both lists of the page are made of."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from sunsweep.app.look.parts import card, named, quiet, section
from sunsweep.app.look.roles import rights_words, role_words
from sunsweep.app.pages.people.persons import GIVEABLE
from sunsweep.app.words import _

FORM_WIDTH = 560
"""Logical pixels, or what a phone has."""
ELLIPSIS = ft.TextOverflow.ELLIPSIS


def roles(identifier: str, role: str, choose: Callable[[str], Any], given: Sequence[str] = GIVEABLE) -> ft.Control:
    """One of the roles, each with what it may do."""

    def chosen(event: ft.Event[ft.RadioGroup]) -> None:
        choose(event.control.value or role)

    def line(name: str) -> ft.Control:
        radio = named(f"{identifier}-{name}", ft.Radio(label=role_words(name), value=name))
        rights = ft.Container(quiet(rights_words(name)), padding=ft.Padding.symmetric(horizontal=38))
        return ft.Column([radio, rights], spacing=0, tight=True)

    return ft.RadioGroup(ft.Column([line(name) for name in given], spacing=2, tight=True), value=role, on_change=chosen)


def form(
    identifier: str,
    title: str,
    fields: Sequence[ft.Control],
    *,
    said: str,
    yes: str,
    is_busy: bool,
    on_yes: Callable[[], Any],
    on_no: Callable[[], Any],
) -> ft.Control:
    """Fields with a way on and a way back, on the page itself."""
    return ft.Container(
        card(
            section(title),
            *fields,
            *([named(f"{identifier}-said", ft.Text(said, color=ft.Colors.ERROR))] if said else []),
            ft.Row(
                [
                    named(f"{identifier}-no", ft.TextButton(_("Cancel"), on_click=on_no)),
                    named(f"{identifier}-yes", ft.FilledButton(yes, on_click=on_yes, disabled=is_busy)),
                ],
                alignment=ft.MainAxisAlignment.END,
            ),
        ),
        width=FORM_WIDTH,
    )


def row(
    identifier: str,
    icon: ft.IconData,
    name: str,
    lines: Sequence[ft.Control],
    menu: Sequence[ft.PopupMenuItem],
    *,
    is_over: bool,
    label: str,
) -> ft.Control:
    """One of the list; `is_over` greys what opens nothing any more."""
    color = ft.Colors.OUTLINE if is_over else ft.Colors.ON_SURFACE
    about = ft.Column(
        [
            ft.Text(name, weight=ft.FontWeight.W_500, color=color, no_wrap=True, overflow=ELLIPSIS),
            ft.Row(list(lines), spacing=14, run_spacing=0, wrap=True),
        ],
        spacing=2,
        expand=True,
        tight=True,
    )
    button = ft.PopupMenuButton(icon=ft.Icons.MORE_VERT, tooltip=label, items=list(menu))
    return named(
        identifier,
        ft.Container(
            ft.Row(
                [
                    ft.Icon(icon, color=ft.Colors.OUTLINE if is_over else ft.Colors.PRIMARY),
                    about,
                    *([named(f"{identifier}-menu", button)] if menu else []),
                ],
                spacing=14,
            ),
            padding=ft.Padding.symmetric(horizontal=14, vertical=8),
        ),
    )


def item(identifier: str, icon: ft.IconData, words: str, on_click: Callable[[], Any]) -> ft.PopupMenuItem:
    """One entry of a row's menu."""
    return ft.PopupMenuItem(content=named(identifier, ft.Text(words)), icon=icon, on_click=on_click)
