"""Why starts are held back, and what can be done about it."""

from collections.abc import Awaitable, Callable

import flet as ft

from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.commands import order_words, story
from sunsweep.app.look.parts import named
from sunsweep.app.look.tones import RED
from sunsweep.app.model import use_model, watch
from sunsweep.app.pages.machine.head_words import offline_since
from sunsweep.app.pages.machine.holding import Held, Hold, held
from sunsweep.app.pages.machine.watched import Watched, use_part
from sunsweep.app.words import _, isolate


@ft.component
def HoldBanner(watched: Watched) -> ft.Control:
    model = use_model()
    now_ms = model.server.clock.now_ms
    found = use_part(watched, lambda: held(watched.machine, now_ms()))
    session = watch(model.session)
    is_dark = use_is_dark()
    ask = use_question()

    async def close(command_id: str) -> None:
        watched.take_command(await model.api.close_command(watched.machine_id, command_id))

    if found is None:
        return ft.Container()
    closing = _closing(watched, found.command_id, close)
    ink = RED.ink.of(dark=is_dark)
    may_close = session.may_command and found.by is Hold.STOP
    return named(
        "machine-held",
        ft.Container(
            ft.Row(
                [
                    ft.Icon(ft.Icons.DANGEROUS_OUTLINED, color=ink, size=28),
                    ft.Column(
                        [
                            ft.Text(_headline(watched, found, now_ms()), color=ink, weight=ft.FontWeight.W_600),
                            ft.Text(_meaning(found)),
                        ],
                        spacing=2,
                        tight=True,
                        expand=True,
                    ),
                    *(
                        [
                            named(
                                "machine-close-stop",
                                ft.OutlinedButton(_("Close …"), on_click=lambda: ask(closing)),
                            )
                        ]
                        if may_close
                        else []
                    ),
                ],
                spacing=12,
            ),
            padding=12,
            border_radius=12,
            border=ft.Border.all(2, ink),
        ),
    )


def _headline(watched: Watched, found: Held, now_ms: int) -> str:
    if found.by is Hold.STOP:
        offline = offline_since(watched.machine, now_ms)
        return _("{command}: {state}").format(
            command=order_words(found.command),
            state=story(found.command, found.state, found.reason, offline=offline),
        )
    if found.by is Hold.DISABLED:
        return _("The machine is disabled")
    return _("Nothing starts it while it is in emergency stop")


def _meaning(found: Held) -> str:
    if found.by is Hold.STOP:
        return _("Nothing is started before the machine confirms it, or somebody has looked and closes it here.")
    if found.by is Hold.DISABLED:
        return _("It takes no orders, and what it sends is refused, until an admin enables it in its setup.")
    return _("Look at the machine and release its button; then give it a reset.")


def _closing(watched: Watched, command_id: str, close: Callable[[str], Awaitable[object]]) -> Act:
    machine = watched.machine
    return Act(
        "close-stop",
        _("Is {machine} standing still?").format(machine=isolate(machine.name or machine.machine_id)),
        _(
            "Close the stop only after somebody has looked at the machine. "
            "It is sent no more then, and the machine can be started again."
        ),
        _("I have looked: close the stop"),
        _("Keep waiting"),
        lambda: close(command_id),
    )
