"""A command as a row that opens into the steps of its life."""

from collections.abc import Mapping
from typing import Any

import flet as ft

from sunsweep.app.figures.ages import since
from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import clock, instant, instant_of, moment
from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.command_marks import command_ink, command_mark
from sunsweep.app.look.commands import order_words, reason_words, state_words, story
from sunsweep.app.look.parameter_words import params_words
from sunsweep.app.look.parts import error_line, named, quiet
from sunsweep.app.look.when import When
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.net.api import Json
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.commands.given import Given, Item, given
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _, isolate, listed, ngettext

ELLIPSIS = ft.TextOverflow.ELLIPSIS


@ft.component
def CommandRow(item: Item) -> ft.Control:
    """Follows its command; a press opens and closes it."""
    model = use_model()
    is_phone = watch(model.window).width is Width.PHONE
    is_dark = use_is_dark()
    told = item.given
    row = _on_phone(model, told, is_dark=is_dark) if is_phone else _wide(model, told, is_dark=is_dark)

    def fold() -> None:
        item.is_unfolded = not item.is_unfolded

    head = ft.Container(row, padding=ft.Padding.symmetric(horizontal=12, vertical=9), on_click=fold, ink=True)
    return named(
        f"command-{told.id}",
        ft.Column([head, *([Life(item)] if item.is_unfolded else [])], spacing=0, tight=True),
    )


def machine_name(model: Model, machine_id: str) -> str:
    """What people call it; empty where it has no name but its serial."""
    machine = model.fleet.machines.get(machine_id)
    return machine.name if machine is not None and machine.name != machine_id else ""


def ordered(told: Given) -> str:
    """What was ordered, with its parameters."""
    words = order_words(told.command)
    return listed([words, params_words(told.params)]) if told.params else words


def _story(model: Model, told: Given) -> str:
    if told.reason.startswith("closed by "):
        return _("{state}: {reason}").format(state=state_words(told.state), reason=reason_words(told.reason))
    machine = model.fleet.machines.get(told.machine_id)
    offline = ""
    if machine is not None and machine.presence == "offline" and machine.presence_ms:
        offline = since(instant_of(machine.presence_ms), instant_of(model.server.clock.now_ms()))
    return story(told.command, told.state, told.reason, offline=offline)


def _wide(model: Model, told: Given, *, is_dark: bool) -> ft.Control:
    name = machine_name(model, told.machine_id)
    ink = command_ink(told.state, is_dark=is_dark, is_open_stop=told.is_open)
    return ft.Row(
        [
            command_mark(told.state, is_dark=is_dark, is_open_stop=told.is_open),
            _two_lines(isolate(name or told.machine_id), isolate(told.machine_id) if name else "", 3),
            _two_lines(order_words(told.command), params_words(told.params), 4),
            ft.Text(_story(model, told), color=ink, expand=5, max_lines=2, overflow=ELLIPSIS),
            ft.Column(
                [
                    keyed(When, told.id)(told.issued_at),
                    ft.Text(isolate(told.by), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True, overflow=ELLIPSIS),
                ],
                spacing=0,
                width=190,
                tight=True,
            ),
        ],
        spacing=14,
    )


def _two_lines(first: str, second: str, share: int) -> ft.Control:
    lines: list[ft.Control] = [ft.Text(first, weight=ft.FontWeight.W_500, no_wrap=True, overflow=ELLIPSIS)]
    if second:
        lines.append(ft.Text(second, color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True, overflow=ELLIPSIS))
    return ft.Column(lines, spacing=0, expand=share, tight=True)


def _on_phone(model: Model, told: Given, *, is_dark: bool) -> ft.Control:
    name = machine_name(model, told.machine_id)
    ink = command_ink(told.state, is_dark=is_dark, is_open_stop=told.is_open)
    first = ft.Text(order_words(told.command), weight=ft.FontWeight.W_500, expand=True, no_wrap=True, overflow=ELLIPSIS)
    return ft.Row(
        [
            command_mark(told.state, is_dark=is_dark, is_open_stop=told.is_open),
            ft.Column(
                [
                    ft.Row([first, keyed(When, told.id)(told.issued_at)], spacing=8),
                    ft.Text(isolate(name or told.machine_id), no_wrap=True, overflow=ELLIPSIS),
                    ft.Text(_story(model, told), color=ink, max_lines=2, overflow=ELLIPSIS),
                ],
                spacing=1,
                expand=True,
                tight=True,
            ),
        ],
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


@ft.component
def Life(item: Item) -> ft.Control:
    """Each step with its time and its cause, and what may still be done about it."""
    model = use_model()
    session = watch(model.session)
    unread: tuple[Mapping[str, Any], ...] | None = None
    steps, set_steps = ft.use_state(unread)
    trouble, set_trouble = ft.use_state("")
    ask, cancelling = use_question(), use_acting()
    told = item.given

    async def look() -> None:
        try:
            found = await model.api.command(told.machine_id, told.id)
        except (Refused, Away) as why:
            set_trouble(in_words(why))
            return
        set_trouble("")
        set_steps(tuple(found["history"]))

    def take(answer: Json) -> None:
        item.given = given(answer)
        model.fleet.take_command(answer)

    async def cancel() -> None:
        answer = await cancelling.do(lambda: model.api.cancel_command(told.machine_id, told.id))
        if answer is not None:
            take(answer)

    async def close() -> None:
        take(await model.api.close_command(told.machine_id, told.id))

    ft.use_effect(look, [told.state, told.reason])
    closing = Act(
        "close",
        _("Close the stop of {machine}?").format(
            machine=isolate(machine_name(model, told.machine_id) or told.machine_id)
        ),
        _(
            "The machine has not confirmed that it has stopped. Look at it first: "
            "when the stop is closed, it can be started again."
        ),
        _("I have looked: close it"),
        _("Leave it open"),
        close,
    )
    said = cancelling.said or trouble
    acts: list[ft.Control] = [
        named(
            f"machine-of-{told.id}",
            ft.TextButton(
                _("To the machine"),
                icon=ft.Icons.SOLAR_POWER_OUTLINED,
                on_click=lambda: model.go(f"/machines/{told.machine_id}"),
            ),
        )
    ]
    if session.may_command and told.may_cancel:
        acts.append(
            named(
                f"cancel-{told.id}",
                ft.OutlinedButton(_("Take it back"), on_click=cancel, disabled=cancelling.is_busy),
            )
        )
    if session.may_command and told.may_close:
        acts.append(
            named(
                f"close-{told.id}",
                ft.OutlinedButton(_("Close this stop"), on_click=lambda: ask(closing)),
            )
        )
    return ft.Container(
        ft.Column(
            [
                *_steps(steps),
                quiet(_facts(told)),
                *error_line(f"said-{told.id}", said),
                ft.Row(acts, wrap=True),
            ],
            spacing=6,
            tight=True,
        ),
        padding=ft.Padding.only(left=46, right=46, bottom=10, top=2)
        if watch(model.window).width is not Width.PHONE
        else ft.Padding.symmetric(horizontal=20, vertical=4),
    )


def _steps(steps: tuple[Mapping[str, Any], ...] | None) -> list[ft.Control]:
    if steps is None:
        return [ft.ProgressRing(width=18, height=18)]
    return [
        ft.Row(
            [
                ft.Container(ft.Text(clock(instant(step["at"]), seconds=True), no_wrap=True), width=76),
                ft.Text(
                    _("{state}: {reason}").format(state=state_words(step["state"]), reason=reason_words(step["reason"]))
                    if step["reason"]
                    else state_words(step["state"]),
                    expand=True,
                ),
            ],
            vertical_alignment=ft.CrossAxisAlignment.START,
        )
        for step in steps
    ]


def _facts(told: Given) -> str:
    facts = [ordered(told), _("by {person}").format(person=isolate(told.by))]
    if told.expires_at is not None:
        facts.append(_("valid until {time}").format(time=moment(told.expires_at, told.issued_at)))
    if told.sends:
        facts.append(ngettext("sent {n} time", "sent {n} times", told.sends).format(n=number(told.sends)))
    return listed(facts)
