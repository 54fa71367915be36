"""Chips that choose."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flet as ft

from sunsweep.app.look.parts import named


def chip(
    identifier: str, words: str, *, is_chosen: bool, on_select: Callable[[], Any], icon: ft.Icon | None = None
) -> ft.Control:
    """One of several, by its icon and its words alone: no check mark comes and goes, so nothing beside it moves."""
    return named(
        identifier,
        ft.Chip(
            key=identifier,
            label=words,
            leading=icon,
            selected=is_chosen,
            show_checkmark=False,
            on_select=on_select,
        ),
    )


def chips(kind: str, choices: Sequence[tuple[str, str, bool]], on_toggle: Callable[[str], Any]) -> ft.Control:
    """Each of the choices with its words, and whether it is chosen."""
    return ft.Row(
        [
            chip(f"{kind}-{value}", words, is_chosen=is_chosen, on_select=partial(on_toggle, value))
            for value, words, is_chosen in choices
        ],
        wrap=True,
        spacing=8,
        run_spacing=6,
    )
