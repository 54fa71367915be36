"""One question before what cannot be taken back: it names its object, and No is where the hand rests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.keeping import use_maybe
from sunsweep.app.look.parts import error_line, named

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
                *error_line(f"{identifier}-said", said),
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


@dataclass(frozen=True)
class Act:
    """What is asked before: its question, and what Yes does; `do` may raise `Refused` and `Away`."""

    identifier: str
    title: str
    words: str
    yes: str
    no: str
    do: Callable[[], Awaitable[object]]


def use_question() -> Callable[[Act], None]:
    """Ask before an act; a refusal is told where it was asked."""
    act, ask = use_maybe(Act)
    acting = use_acting()

    async def do() -> None:
        if act is not None and await acting.tries(act.do):
            ask(None)

    def leave() -> None:
        acting.forget()
        ask(None)

    ft.use_dialog(
        question(
            act.identifier,
            act.title,
            act.words,
            yes=act.yes,
            no=act.no,
            on_yes=do,
            on_no=leave,
            said=acting.said,
            is_under_way=acting.is_busy,
        )
        if act is not None
        else None
    )
    return ask
