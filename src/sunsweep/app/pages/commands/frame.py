"""What the pages about commands have in common."""

from collections.abc import Sequence

import flet as ft

from sunsweep.app.look.parts import named
from sunsweep.app.model import Model
from sunsweep.app.words import _, is_rtl


def listed_rows(identifier: str, rows: Sequence[ft.Control]) -> ft.Control:
    """Rows in one frame."""
    return named(
        identifier,
        ft.Container(
            ft.Column(list(rows), spacing=0, tight=True),
            border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
            border_radius=12,
            clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
            bgcolor=ft.Colors.SURFACE_CONTAINER_LOWEST,
        ),
    )


def back(model: Model, address: str) -> ft.Control:
    """To the page above."""
    icon = ft.Icons.ARROW_FORWARD if is_rtl() else ft.Icons.ARROW_BACK
    return named("go-back", ft.IconButton(icon, tooltip=_("Back"), on_click=lambda: model.go(address)))
