"""Lists that come by the page: their rows, their filters, the way to older ones."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from sunsweep.app.look.parts import empty, named
from sunsweep.app.model import Model
from sunsweep.app.words import _

PAGE = 50
"""Rows."""


def framed(identifier: str, rows: Sequence[ft.Control]) -> ft.Control:
    """Rows in one frame, a line between each two."""
    lines: list[ft.Control] = []
    for row in rows:
        lines += [ft.Divider(), row] if lines else [row]
    return named(
        identifier,
        ft.Container(
            ft.Column(lines, spacing=0, tight=True),
            border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
            border_radius=12,
            clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
            bgcolor=ft.Colors.SURFACE_CONTAINER_LOWEST,
        ),
    )


def unfolding(
    identifier: str, line: Sequence[ft.Control], inside: ft.Control | None, flip: Callable[[], Any]
) -> ft.Control:
    """A row that a press opens and closes; `inside` is None while it is closed."""
    arrow = ft.Icons.EXPAND_MORE if inside is None else ft.Icons.EXPAND_LESS
    head = ft.Container(
        ft.Row([*line, ft.Icon(arrow, color=ft.Colors.OUTLINE)], spacing=14),
        padding=ft.Padding.symmetric(horizontal=12, vertical=9),
        on_click=flip,
        ink=True,
    )
    return named(identifier, ft.Column([head, *([inside] if inside is not None else [])], spacing=0, tight=True))


def choice(
    identifier: str,
    anything: str,
    value: str,
    options: Sequence[tuple[str, str]],
    choose: Callable[[str], Any],
    *,
    icon: ft.IconData | None = None,
    tooltip: str = "",
) -> ft.Control:
    """A filter by one of several values, each with its words; empty is `anything`."""
    everything = [("", anything), *options]
    return named(
        identifier,
        ft.PopupMenuButton(
            content=ft.Container(
                ft.Row(
                    [
                        *([ft.Icon(icon, size=18)] if icon is not None else []),
                        ft.Text(dict(everything).get(value, value), size=14, no_wrap=True),
                        ft.Icon(ft.Icons.ARROW_DROP_DOWN, size=18),
                    ],
                    spacing=6,
                    tight=True,
                ),
                padding=ft.Padding.symmetric(horizontal=12, vertical=9),
                border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
                border_radius=12,
                bgcolor=ft.Colors.SECONDARY_CONTAINER if value else ft.Colors.SURFACE_CONTAINER_LOW,
            ),
            tooltip=tooltip or anything,
            items=[
                ft.PopupMenuItem(
                    content=named(f"{identifier}-{key or 'all'}", ft.Text(words)),
                    checked=key == value,
                    on_click=lambda key=key: choose(key),
                )
                for key, words in everything
            ],
        ),
    )


def sought(identifier: str, label: str, value: str, choose: Callable[[str], Any], *, hint: str = "") -> ft.Control:
    """A filter by a whole text, asked for with the enter key."""

    def submitted(event: ft.Event[ft.TextField]) -> None:
        choose((event.control.value or "").strip())

    return named(
        identifier,
        ft.TextField(
            # Another value of the address is another field; what is typed in this one is its own until then.
            key=f"{identifier}-{value}",
            label=label,
            value=value,
            dense=True,
            hint_text=hint or None,
            width=220,
            border_radius=12,
            border_color=ft.Colors.OUTLINE_VARIANT,
            suffix=ft.IconButton(
                ft.Icons.CLOSE, icon_size=16, tooltip=_("Any"), on_click=lambda: choose(""), visible=bool(value)
            ),
            on_submit=submitted,
        ),
    )


def paging(model: Model, newest: str, older: str) -> ft.Control:
    """To the addresses of the first page and of the next; empty: there is none."""
    steps: list[ft.Control] = []
    if newest:
        steps.append(named("page-newest", ft.OutlinedButton(_("Newest"), on_click=lambda: model.go(newest))))
    if older:
        steps.append(named("page-older", ft.OutlinedButton(_("Older"), on_click=lambda: model.go(older))))
    return ft.Row(steps, alignment=ft.MainAxisAlignment.CENTER)


def admins_only() -> ft.Control:
    """For whoever came by an address."""
    return empty(
        ft.Icons.LOCK_OUTLINE,
        _("This page is for admins"),
        _("An admin of your company can look here for you, or make you one."),
    )
