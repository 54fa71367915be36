"""One question before what cannot be taken back: it names its object, and No is where the hand rests."""

from collections.abc import Callable
from typing import Any

import flet as ft

from sunsweep.app.look.parts import named

WIDTH = 420
"""Logical pixels, or what a phone has."""


def question(
    identifier: str,
    title: str,
    words: str,
    *,
    yes: str,
    no: str,
    on_yes: Callable[[], Any],
    on_no: Callable[[], Any],
    said: str = "",
    more: ft.Control | None = None,
    is_under_way: bool = False,
) -> ft.AlertDialog:
    """A dialog for `ft.use_dialog`; `said` is why it did not work, `more` what has to be chosen first.

    While the act is under way a No would promise too much.
    """
    return ft.AlertDialog(
        modal=is_under_way,
        title=ft.Text(title),
        content=ft.Column(
            [
                ft.Text(words),
                *([more] if more is not None else []),
                *([named(f"{identifier}-said", ft.Text(said, color=ft.Colors.ERROR))] if said else []),
            ],
            tight=True,
            width=WIDTH,
        ),
        actions=[
            named(f"{identifier}-no", ft.TextButton(no, on_click=on_no, autofocus=True, disabled=is_under_way)),
            named(
                f"{identifier}-yes",
                ft.FilledButton(
                    yes, bgcolor=ft.Colors.ERROR, color=ft.Colors.ON_ERROR, on_click=on_yes, disabled=is_under_way
                ),
            ),
        ],
        on_dismiss=on_no,
    )
