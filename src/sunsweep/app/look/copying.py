"""Texts that a person takes elsewhere: shown whole, and copied with one tap."""

import flet as ft

from sunsweep.app.look.parts import named, quiet
from sunsweep.app.model import use_model
from sunsweep.app.words import _


@ft.component
def Copyable(identifier: str, label: str, text: str, *, size: float = 14) -> ft.Control:
    """The text as it is to be typed, always from left to right, with a button that copies it."""
    model = use_model()

    async def copy() -> None:
        await ft.Clipboard().set(text)
        model.say(_("Copied"))

    shown = ft.Text(text, selectable=True, size=size)
    # One node with the text: a selectable one would hide it from whoever looks for it by its name.
    written = ft.Semantics(
        identifier=identifier, label=text, exclude_semantics=True, content=ft.Container(shown, rtl=False), expand=True
    )
    field = ft.Container(
        ft.Row(
            [
                written,
                named(f"{identifier}-copy", ft.IconButton(ft.Icons.CONTENT_COPY, tooltip=_("Copy"), on_click=copy)),
            ],
            alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
        ),
        bgcolor=ft.Colors.SURFACE_CONTAINER_HIGH,
        border_radius=8,
        padding=ft.Padding.symmetric(horizontal=12, vertical=4),
    )
    return ft.Column([*([quiet(label)] if label else []), field], spacing=4, tight=True)
