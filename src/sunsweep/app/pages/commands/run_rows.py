"""A run over many machines as one row that opens, and its progress as one bar."""

from typing import Final

import flet as ft

from sunsweep.app.figures.numbers import number
from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.commands import order_words
from sunsweep.app.look.parameter_words import params_words
from sunsweep.app.look.parts import named
from sunsweep.app.look.tones import AMBER, BLUE, GREEN, GREY, Tone
from sunsweep.app.look.when import When
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.pages.commands.rows import ELLIPSIS
from sunsweep.app.pages.commands.tally import (
    Run,
    Share,
    ended_words,
    machines_words,
    progress_words,
    share_words,
)
from sunsweep.app.words import isolate, listed

LOOKS: Final[dict[Share, tuple[Tone, ft.IconData]]] = {
    Share.DONE: (GREEN, ft.Icons.CHECK_CIRCLE_OUTLINE),
    Share.UNDER_WAY: (BLUE, ft.Icons.HOURGLASS_EMPTY),
    Share.NOT_DONE: (AMBER, ft.Icons.ERROR_OUTLINE),
    Share.NOT_GIVEN: (GREY, ft.Icons.MORE_HORIZ),
}


def share_ink(share: Share, *, is_dark: bool) -> str:
    """The colour of icon, words and bar."""
    return LOOKS[share][0].ink.of(dark=is_dark)


def bar(of: Run, *, is_dark: bool, height: float = 8) -> ft.Control:
    """How the machines are shared out; what it says stands beside it in words too."""
    pieces: list[ft.Control] = [
        ft.Container(
            expand=of.share(share),
            height=height,
            bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST
            if share is Share.NOT_GIVEN
            else share_ink(share, is_dark=is_dark),
        )
        for share in Share
        if of.share(share)
    ]
    return ft.Container(
        ft.Row(pieces, spacing=2),
        border_radius=height / 2,
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST,
        height=height,
    )


def counts(of: Run, *, is_dark: bool) -> ft.Control:
    """Each share that has machines, with icon, word and number."""
    return ft.Row(
        [
            ft.Row(
                [
                    ft.Icon(LOOKS[share][1], size=16, color=share_ink(share, is_dark=is_dark)),
                    ft.Text(f"{number(of.share(share))} {share_words(share)}", no_wrap=True),
                ],
                spacing=4,
                tight=True,
            )
            for share in Share
            if of.share(share)
        ],
        spacing=14,
        run_spacing=2,
        wrap=True,
    )


def standing(of: Run) -> str:
    """How it stands, and why it was ended where it was."""
    words = progress_words(of)
    return listed([words, ended_words(of.reason)]) if of.reason else words


@ft.component
def RunRow(of: Run) -> ft.Control:
    """One row for all of its machines; a press opens it."""
    model = use_model()
    is_phone = watch(model.window).width is Width.PHONE
    is_dark = use_is_dark()
    title = listed([order_words(of.command), machines_words(of.machines)])
    said = [ft.Text(standing(of), color=ft.Colors.ON_SURFACE_VARIANT, max_lines=2, overflow=ELLIPSIS)]
    name = ft.Text(title, weight=ft.FontWeight.W_500, no_wrap=True, overflow=ELLIPSIS)
    if of.params:
        said.insert(0, ft.Text(params_words(of.params), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True))
    mark = ft.Icon(ft.Icons.LAYERS_OUTLINED, size=22, color=ft.Colors.ON_SURFACE_VARIANT)
    progress = [bar(of, is_dark=is_dark), counts(of, is_dark=is_dark)]
    when = keyed(When, of.id)(of.issued_at)
    if is_phone:
        content = ft.Row(
            [
                mark,
                ft.Column([name, *said, *progress, when], spacing=4, expand=True, tight=True),
            ],
            spacing=12,
            vertical_alignment=ft.CrossAxisAlignment.START,
        )
    else:
        who = ft.Text(isolate(of.by), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True, overflow=ELLIPSIS)
        content = ft.Row(
            [
                mark,
                ft.Column([name, *said], spacing=0, expand=5, tight=True),
                ft.Column(progress, spacing=5, expand=6, tight=True),
                ft.Column([when, who], spacing=0, width=190, tight=True),
            ],
            spacing=14,
        )
    head = ft.Container(
        content,
        padding=ft.Padding.symmetric(horizontal=12, vertical=10),
        on_click=lambda: model.go(f"/commands/runs/{of.id}"),
        ink=True,
    )
    return named(f"run-{of.id}", head)
