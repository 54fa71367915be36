"""A secret that is shown this once: on the page and not in a dialog, so that a stray tap does not lose it."""

from collections.abc import Callable
from typing import Any

import flet as ft

from sunsweep.app.look.copying import Copyable
from sunsweep.app.look.parts import card, named, section
from sunsweep.app.words import _


def shown_once(identifier: str, title: str, words: str, secret: str, on_done: Callable[[], Any]) -> ft.Control:
    """Stays until the person says that it is taken."""
    frame = card(
        ft.Row([ft.Icon(ft.Icons.KEY, color=ft.Colors.SECONDARY), ft.Container(section(title), expand=True)]),
        ft.Text(words),
        Copyable(identifier, "", secret),
        ft.Row(
            [named(f"{identifier}-done", ft.FilledTonalButton(_("I have it"), on_click=on_done))],
            alignment=ft.MainAxisAlignment.END,
        ),
    )
    frame.border = ft.Border.all(2, ft.Colors.SECONDARY)
    return frame
