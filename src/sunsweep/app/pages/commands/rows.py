"""A command as a row that opens into the steps of its life."""

from collections.abc import Mapping
from typing import Any

import flet as ft

from sunsweep.app.figures.ages import since
from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import clock, instant, instant_of, moment
from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.once import use_once
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.command_marks import command_ink, command_mark
from sunsweep.app.look.commands import order_words, reason_words, state_words, story
from sunsweep.app.look.parameter_words import params_words
from sunsweep.app.look.parts import named, quiet
from sunsweep.app.look.when import When
from sunsweep.app.model import Model, Width, use_model, watch
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
    said, set_said = ft.use_state("")
    is_asking, set_asking = ft.use_state(False)
    told = item.given

    async def look() -> None:
        try:
            found = await model.api.command(told.machine_id, told.id)
        except (Refused, Away) as trouble:
            set_said(in_words(trouble))
            return
        set_steps(tuple(found["history"]))

    async def act(call: Any) -> None:
        set_said("")
        try:
            answer = await call(told.machine_id, told.id)
        except (Refused, Away) as trouble:
            set_said(in_words(trouble))
        else:
            item.given = given(answer)
            model.fleet.take_command(answer)
            set_asking(False)

    async def cancel() -> None:
        await act(model.api.cancel_command)

    async def close() -> None:
        await act(model.api.close_command)

    closing, cancelling = use_once(close), use_once(cancel)
    ft.use_effect(look, [told.state, told.reason])
    machine = isolate(machine_name(model, told.machine_id) or told.machine_id)
    ft.use_dialog(
        ft.AlertDialog(
            modal=closing.is_under_way,
            title=ft.Text(_("Close the stop of {machine}?").format(machine=machine)),
            content=ft.Column(
                [
                    ft.Text(
                        _(
                            "The machine has not confirmed that it has stopped. Look at it first: "
                            "when the stop is closed, it can be started again."
                        )
                    ),
                    ft.Text(said, color=ft.Colors.ERROR, visible=bool(said)),
                ],
                tight=True,
                width=420,
            ),
            actions=[
                named(
                    "close-no", ft.TextButton(_("Leave it open"), on_click=lambda: set_asking(False), autofocus=True)
                ),
                named(
                    "close-yes",
                    ft.FilledButton(_("I have looked: close it"), on_click=closing.do, disabled=closing.is_under_way),
                ),
            ],
            on_dismiss=lambda: set_asking(False),
        )
        if is_asking
        else None
    )
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
                ft.OutlinedButton(_("Take it back"), on_click=cancelling.do, disabled=cancelling.is_under_way),
            )
        )
    if session.may_command and told.may_close:
        acts.append(
            named(
                f"close-{told.id}",
                ft.OutlinedButton(
                    _("Close this stop"), on_click=lambda: set_asking(True), disabled=closing.is_under_way
                ),
            )
        )
    return ft.Container(
        ft.Column(
            [
                *_steps(steps),
                quiet(_facts(told)),
                *([ft.Text(said, color=ft.Colors.ERROR)] if said and not is_asking else []),
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
