"""Who the machine is, what it does, who said so and when, and whether it is there."""

import flet as ft

from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.live.attention import Attention, attention
from sunsweep.app.look.mark import mark, state_ink, state_text
from sunsweep.app.look.parts import named, quiet
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.pages.machine.head_words import last_words, presence_words, said_words
from sunsweep.app.pages.machine.starting import StartButton
from sunsweep.app.pages.machine.stopping import StopActs
from sunsweep.app.pages.machine.watched import Watched, use_lasting, use_part
from sunsweep.app.words import isolate, listed


@ft.component
def Head(watched: Watched) -> ft.Control:
    model = use_model()
    session, window = watch(model.session), watch(model.window)
    is_phone = window.width is Width.PHONE
    acts: list[ft.Control] = [StartButton(watched)] if session.may_command else []
    if session.may_command and not is_phone:
        acts.append(StopActs(watched))
    top = ft.Row([ft.Container(Name(watched), expand=True), *acts], spacing=12)
    return ft.Column([top, State(watched)], spacing=10, tight=True)


@ft.component
def Name(watched: Watched) -> ft.Control:
    def select() -> tuple[str, str, tuple[str, ...]]:
        return watched.machine.name, watched.machine.model, watched.machine.tags

    name, model, tags = use_lasting(watched, select)
    about = [isolate(watched.machine_id)] if name else []
    return ft.Column(
        [
            named(
                "machine-name",
                ft.Text(
                    name or isolate(watched.machine_id),
                    theme_style=ft.TextThemeStyle.HEADLINE_SMALL,
                    weight=ft.FontWeight.W_600,
                    max_lines=2,
                    overflow=ft.TextOverflow.ELLIPSIS,
                ),
            ),
            quiet(listed([*about, *([isolate(model)] if model else []), *map(isolate, tags)])),
        ],
        spacing=0,
        tight=True,
    )


@ft.component
def State(watched: Watched) -> ft.Control:
    model = use_model()
    is_dark = use_is_dark()

    def select() -> tuple[Attention, str, str, str, str]:
        now_ms = model.server.clock.now_ms()
        found = attention(watched.machine, now_ms)
        words = state_text(found)
        machine, newest = watched.machine, watched.shelf.newest
        return (
            found,
            words,
            said_words(machine, words, now_ms),
            presence_words(machine, now_ms),
            last_words(machine, newest.now if newest else None, now_ms) if watched.shelf.is_read else "",
        )

    found, words, said, presence, last = use_part(watched, select)
    return ft.Row(
        [
            mark(found, is_dark=is_dark, size=52),
            ft.Column(
                [
                    named(
                        "machine-state",
                        ft.Text(words, size=20, weight=ft.FontWeight.W_600, color=state_ink(found, is_dark=is_dark)),
                    ),
                    named("machine-said", ft.Text(said)),
                    named("machine-presence", quiet(presence)),
                    named("machine-last", quiet(last)),
                ],
                spacing=0,
                tight=True,
                expand=True,
            ),
        ],
        spacing=14,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
