"""One refused message as a row that opens into what is in it."""

from collections.abc import Callable
from typing import Any

import flet as ft

from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import instant
from sunsweep.app.look.lists import unfolding
from sunsweep.app.look.parts import named, quiet
from sunsweep.app.look.refusals import message_words
from sunsweep.app.look.when import When
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.pages.dead_letters.letters import Letter, readable
from sunsweep.app.words import _, isolate, ngettext

ELLIPSIS = ft.TextOverflow.ELLIPSIS


@ft.component
def LetterRow(letter: Letter, feed_in: Callable[[], Any]) -> ft.Control:
    """A press opens and closes it."""
    model = use_model()
    is_phone = watch(model.window).width is Width.PHONE
    is_open, set_open = ft.use_state(False)
    about: list[ft.Control] = [
        ft.Text(message_words(letter.reason), weight=ft.FontWeight.W_500, max_lines=2, overflow=ELLIPSIS)
    ]
    if letter.detail:
        about.append(
            ft.Text(isolate(letter.detail), color=ft.Colors.ON_SURFACE_VARIANT, max_lines=2, overflow=ELLIPSIS)
        )
    sender = ft.Text(isolate(letter.machine_id or letter.topic), no_wrap=True, overflow=ELLIPSIS)
    if is_phone:
        about.append(ft.Row([ft.Container(sender, expand=True), When(instant(letter.received_at))], spacing=8))
    if letter.replay_at is not None:
        about.append(ft.Text(_("Being fed in again"), color=ft.Colors.TERTIARY))
    line: list[ft.Control] = [
        ft.Icon(ft.Icons.UNSUBSCRIBE_OUTLINED, color=ft.Colors.SECONDARY, size=20),
        ft.Column(about, spacing=2, expand=True, tight=True),
    ]
    if not is_phone:
        line += [ft.Container(sender, width=180), ft.Container(When(instant(letter.received_at)), width=150)]
    inside = _inside(model, letter, feed_in) if is_open else None
    return unfolding(f"letter-{letter.id}", line, inside, lambda: set_open(not is_open))


def _inside(model: Model, letter: Letter, feed_in: Callable[[], Any]) -> ft.Control:
    size = ngettext("{n} byte", "{n} bytes", letter.size).format(n=number(letter.size))
    parts: list[ft.Control] = [quiet(f"{isolate(letter.topic)} · {size}")]
    if letter.payload is None:
        parts.append(ft.Text(_("Its content was not kept: this machine had sent too many refused messages that day.")))
    else:
        shown = readable(letter.payload)
        words = ft.Text(shown.text, selectable=True, font_family="monospace", size=13)
        content = ft.Container(
            ft.Semantics(
                identifier=f"letter-{letter.id}-content",
                label=shown.text,
                exclude_semantics=True,
                content=ft.Row([words], scroll=ft.ScrollMode.AUTO),
            ),
            rtl=False,
            bgcolor=ft.Colors.SURFACE_CONTAINER_HIGH,
            border_radius=8,
            padding=12,
        )
        parts.append(content)
        if not shown.is_whole:
            parts.append(quiet(_("Only its beginning is shown.")))
    actions: list[ft.Control] = []
    if letter.can_be_fed_in:
        actions.append(
            named(
                f"letter-{letter.id}-feed-in",
                ft.OutlinedButton(_("Feed in again"), icon=ft.Icons.REPLAY, on_click=feed_in),
            )
        )
    if letter.machine_id in model.fleet.machines:
        actions.append(
            named(
                f"letter-{letter.id}-machine",
                ft.TextButton(_("To the machine"), on_click=lambda: model.go(f"/machines/{letter.machine_id}")),
            )
        )
    parts.append(ft.Row(actions, wrap=True, spacing=8))
    return ft.Container(
        ft.Column(parts, spacing=8, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.symmetric(horizontal=12, vertical=8),
    )
