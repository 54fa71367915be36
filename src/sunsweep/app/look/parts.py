"""Small controls that every page is made of."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from sunsweep.app.words import _

GAP = 16
"""Logical pixels between things that stand side by side."""


def named(identifier: str, content: ft.Control, *, label: str | None = None) -> ft.Semantics:
    """A control with a stable name in the accessibility tree: screen readers, automation and tests find it there."""
    return ft.Semantics(identifier=identifier, label=label, content=content)


def card(*controls: ft.Control, padding: int = GAP, expand: bool | int | None = None) -> ft.Container:
    """A raised surface around things that belong together."""
    return ft.Container(
        content=ft.Column(list(controls), spacing=GAP / 2, tight=True),
        padding=padding,
        border_radius=12,
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        expand=expand,
    )


def heading(text: str) -> ft.Text:
    """A page's name."""
    return ft.Text(text, theme_style=ft.TextThemeStyle.HEADLINE_SMALL, weight=ft.FontWeight.W_500)


def section(text: str) -> ft.Text:
    """The name of a part of a page."""
    return ft.Text(text, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, weight=ft.FontWeight.W_500)


def quiet(text: str) -> ft.Text:
    """What is read second."""
    return ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT, theme_style=ft.TextThemeStyle.BODY_MEDIUM)


def figure(
    text: str, *, color: ft.ColorValue | None = None, size: float | None = None, expand: bool | None = None
) -> ft.Text:
    """A number that may change; Roboto's digits are of one width, so nothing beside it moves."""
    return ft.Text(text, color=color, size=size, no_wrap=True, expand=expand)


def back(on_click: Callable[[], Any]) -> ft.Control:
    """To the page above."""
    # Flutter turns this arrow around itself where one reads from right to left.
    return named("go-back", ft.IconButton(ft.Icons.ARROW_BACK, tooltip=_("Back"), on_click=on_click))


def error_line(identifier: str, said: str) -> list[ft.Control]:
    """Why something did not work, where it was asked for; nothing where it did."""
    return [named(identifier, ft.Text(said, color=ft.Colors.ERROR))] if said else []


def empty(icon: ft.IconData, title: str, next_step: str, *actions: ft.Control) -> ft.Container:
    """An empty page says what to do next."""
    return _middle(
        ft.Icon(icon, size=48, color=ft.Colors.OUTLINE),
        ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_LARGE, text_align=ft.TextAlign.CENTER),
        ft.Text(next_step, color=ft.Colors.ON_SURFACE_VARIANT, text_align=ft.TextAlign.CENTER),
        *actions,
    )


def failed(why: str, on_retry: Callable[[], Any]) -> ft.Control:
    """What could not be loaded, why, and a way on."""
    return named(
        "failed",
        _middle(
            ft.Icon(ft.Icons.CLOUD_OFF_OUTLINED, size=48, color=ft.Colors.OUTLINE),
            ft.Text(_("This could not be loaded"), theme_style=ft.TextThemeStyle.TITLE_LARGE),
            ft.Text(why, color=ft.Colors.ON_SURFACE_VARIANT, text_align=ft.TextAlign.CENTER),
            named("retry", ft.FilledTonalButton(_("Try again"), icon=ft.Icons.REFRESH, on_click=on_retry)),
        ),
    )


def loading(rows: int = 6, height: int = 44) -> ft.Column:
    """The shape of what comes."""
    bars: Sequence[ft.Control] = [
        ft.Container(height=height, border_radius=8, bgcolor=ft.Colors.SURFACE_CONTAINER_HIGH) for _row in range(rows)
    ]
    return ft.Column(list(bars), spacing=8)


def not_yet(trouble: str, on_retry: Callable[[], Any], rows: int = 6, height: int = 44) -> ft.Control:
    """In place of what has not been read: its shape, or why it could not be read."""
    return failed(trouble, on_retry) if trouble else loading(rows, height)


def _middle(*controls: ft.Control) -> ft.Container:
    return ft.Container(
        content=ft.Column(list(controls), horizontal_alignment=ft.CrossAxisAlignment.CENTER, spacing=12, tight=True),
        alignment=ft.Alignment.CENTER,
        padding=32,
    )
