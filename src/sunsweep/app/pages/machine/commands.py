"""What the machine was told, and what became of each order: every step with its time and its cause."""

import flet as ft

from sunsweep.app.figures.numbers import as_sent
from sunsweep.app.figures.times import instant_of, moment
from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.keeping import use_maybe
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.live.command_book import Step, Told
from sunsweep.app.look.command_marks import command_ink, command_mark
from sunsweep.app.look.commands import order_words, reason_words, state_words, story
from sunsweep.app.look.parameter_words import choice_words, name_words
from sunsweep.app.look.parts import empty, error_line, failed, loading, named, quiet, section
from sunsweep.app.model import use_model, watch
from sunsweep.app.pages.machine.head_words import offline_since
from sunsweep.app.pages.machine.watched import Watched, use_lasting, use_part
from sunsweep.app.words import _, isolate, listed
from sunsweep.contract.commands import CommandState


@ft.component
def CommandsPart(watched: Watched) -> ft.Control:
    shelf = watched.shelf
    ids = use_lasting(watched, shelf.book.ids)
    lacking = use_lasting(watched, lambda: tuple(shelf.book.lacking()))
    is_read, said, has_older = use_lasting(watched, lambda: (shelf.is_read, shelf.said, bool(shelf.older_cursor)))

    async def ask() -> None:
        """Those that came by the socket: who gave them, and with what."""
        for command_id in lacking:
            await shelf.read_life(command_id)

    ft.use_effect(ask, [lacking])
    if not is_read:
        return ft.Column([section(_("Commands")), failed(said, shelf.read) if said else loading(3)], tight=True)
    rows: list[ft.Control] = [
        ft.Container(CommandRow(watched, command_id, is_newest=command_id == ids[0]), key=command_id)
        for command_id in ids
    ]
    if not ids:
        rows.append(_none_yet())
    if said:
        rows.append(ft.Text(said, color=ft.Colors.ERROR))
    if has_older:
        older = ft.TextButton(_("Show older"), icon=ft.Icons.EXPAND_MORE, on_click=shelf.read_older)
        rows.append(named("commands-older", older))
    return ft.Column([section(_("Commands")), *rows], spacing=10, tight=True)


def _none_yet() -> ft.Control:
    return empty(
        ft.Icons.SEND_OUTLINED,
        _("No orders yet"),
        _("Whatever this machine is told stands here, with what became of it."),
    )


@ft.component
def CommandRow(watched: Watched, command_id: str, is_newest: bool) -> ft.Control:  # noqa: FBT001  a component's argument
    model = use_model()
    session = watch(model.session)
    told = use_lasting(watched, lambda: watched.shelf.book.get(command_id))
    offline = use_part(watched, lambda: offline_since(watched.machine, model.server.clock.now_ms()))
    opened, set_opened = use_maybe(bool)
    acting = use_acting()
    is_dark = use_is_dark()
    is_open = is_newest if opened is None else opened
    state = told.now.state if told is not None else ""

    async def read() -> None:
        """Its life, as the server has written it down; again after each change."""
        if is_open:
            await watched.shelf.read_life(command_id)

    async def cancel() -> None:
        given = await acting.do(lambda: model.api.cancel_command(watched.machine_id, command_id))
        if given is not None:
            watched.take_command(given)

    ft.use_effect(read, [is_open, state])
    if told is None:
        return ft.Container()
    is_open_stop = told.is_open and state == CommandState.UNCONFIRMED
    ink = command_ink(state, is_dark=is_dark, is_open_stop=is_open_stop)
    may_cancel = session.may_command and state == CommandState.QUEUED
    return named(
        f"command-{command_id}",
        ft.Container(
            ft.Column(
                [
                    ft.Container(
                        ft.Row(
                            [
                                command_mark(state, is_dark=is_dark, is_open_stop=is_open_stop),
                                ft.Column(
                                    [
                                        ft.Text(
                                            order_words(told.now.command) if told.now.command else _("An order"),
                                            weight=ft.FontWeight.W_600,
                                        ),
                                        ft.Text(
                                            story(told.now.command, state, told.now.reason, offline=offline), color=ink
                                        ),
                                    ],
                                    spacing=0,
                                    tight=True,
                                    expand=True,
                                ),
                                quiet(_given(told, model.server.clock.now_ms())),
                                ft.Icon(
                                    ft.Icons.EXPAND_LESS if is_open else ft.Icons.EXPAND_MORE, color=ft.Colors.OUTLINE
                                ),
                            ],
                            spacing=10,
                        ),
                        on_click=lambda: set_opened(not is_open),
                        ink=True,
                        border_radius=8,
                    ),
                    *(_life(told, model.server.clock.now_ms(), is_dark=is_dark) if is_open else []),
                    *(
                        [
                            named(
                                f"cancel-{command_id}",
                                ft.OutlinedButton(_("Take it back"), on_click=cancel, disabled=acting.is_busy),
                            )
                        ]
                        if may_cancel
                        else []
                    ),
                    *error_line(f"said-{command_id}", acting.said),
                ],
                spacing=8,
                tight=True,
            ),
            padding=12,
            border_radius=12,
            bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
            border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        ),
    )


def _given(told: Told, now_ms: int) -> str:
    return "" if told.given_ms is None else moment(instant_of(told.given_ms), instant_of(now_ms))


def _life(told: Told, now_ms: int, *, is_dark: bool) -> list[ft.Control]:
    about = [_("Given by {person}").format(person=isolate(told.given_by))] if told.given_by else []
    about += [
        _("{name}: {value}").format(name=name_words(name), value=_value_words(value)) for name, value in told.params
    ]
    if told.now.state == CommandState.QUEUED and told.expires_ms is not None:
        about.append(_("good until {time}").format(time=moment(instant_of(told.expires_ms), instant_of(now_ms))))
    return [
        *([quiet(listed(about))] if about else []),
        *(_step(one, now_ms, is_dark=is_dark) for one in told.steps),
    ]


def _value_words(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return as_sent(value)
    return choice_words(str(value))


def _step(step: Step, now_ms: int, *, is_dark: bool) -> ft.Control:
    words = state_words(step.state)
    if step.reason:
        words = _("{state}: {reason}").format(state=words, reason=reason_words(step.reason))
    return ft.Row(
        [
            ft.Container(
                ft.Text(
                    moment(instant_of(step.at_ms), instant_of(now_ms), seconds=True),
                    size=12,
                    color=ft.Colors.ON_SURFACE_VARIANT,
                ),
                width=76,
            ),
            command_mark(step.state, is_dark=is_dark, size=16),
            ft.Text(words, expand=True),
        ],
        spacing=8,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
