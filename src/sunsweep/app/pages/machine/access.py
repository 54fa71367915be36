"""How a machine is let in."""

from collections.abc import Awaitable, Callable
from typing import Any

import flet as ft

from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.keeping import use_maybe
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.copying import Copyable
from sunsweep.app.look.parts import card, error_line, named, quiet, section
from sunsweep.app.model import use_model
from sunsweep.app.one_time import OneTime
from sunsweep.app.words import _, isolate

Row = dict[str, Any]


@ft.component
def Access(row: Row, changed: Callable[[Row], None]) -> ft.Control:
    """A code, a login, or not at all."""
    model = use_model()
    serial = isolate(row["machine_id"])
    login, set_login = use_maybe(Row)
    acting = use_acting()
    ask = use_question()

    async def enable() -> None:
        changed(await model.api.change_machine(row["machine_id"], {"enabled": True}))

    async def disable() -> None:
        changed(await model.api.change_machine(row["machine_id"], {"enabled": False}))

    async def rotate() -> None:
        set_login(await model.api.rotate_credentials(row["machine_id"]))

    async def code() -> None:
        issued = await model.api.enrolment_code(row["machine_id"])
        model.one_time[row["machine_id"]] = OneTime(model.server.clock.now_ms()).with_code(issued)
        model.go(f"/machines/{row['machine_id']}/welcome")

    def at_once(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def tried() -> None:
            await acting.tries(work)

        return tried

    disabling = Act(
        "disable",
        _("Disable {machine}?").format(machine=serial),
        _("It is disconnected at once and takes no commands. It stops nothing: stop the machine first."),
        _("Disable"),
        _("Leave it enabled"),
        disable,
    )
    rotating = Act(
        "rotate",
        _("Make a new MQTT login for {machine}?").format(machine=serial),
        _("Its present login ends when the new one first connects, or after a day."),
        _("Make a new login"),
        _("Keep the present one"),
        rotate,
    )
    if row["enabled"]:
        button = ft.OutlinedButton(_("Disable"), icon=ft.Icons.BLOCK, on_click=lambda: ask(disabling))
        switch = named("disable", button)
    else:
        switch = named(
            "enable",
            ft.FilledTonalButton(
                _("Enable"),
                icon=ft.Icons.CHECK_CIRCLE_OUTLINE,
                on_click=at_once(enable),
                disabled=acting.is_busy,
            ),
        )
    shown: list[ft.Control] = (
        []
        if login is None
        else [
            Copyable("mqtt-username", _("User name"), login["mqtt_username"]),
            Copyable("mqtt-password", _("Password, shown this once"), login["mqtt_password"]),
        ]
    )
    return card(
        section(_("Access")),
        quiet(
            _("It may connect.") if row["enabled"] else _("It is disabled: it cannot connect, and takes no commands.")
        ),
        ft.Row(
            [
                named(
                    "new-code",
                    ft.FilledTonalButton(
                        _("Enrol it anew"),
                        icon=ft.Icons.KEY,
                        on_click=at_once(code),
                        disabled=acting.is_busy or not row["enabled"],
                    ),
                ),
                named(
                    "rotate",
                    ft.OutlinedButton(_("New MQTT login"), icon=ft.Icons.PASSWORD, on_click=lambda: ask(rotating)),
                ),
                switch,
            ],
            wrap=True,
            spacing=8,
            run_spacing=8,
        ),
        *error_line("access-said", acting.said),
        *shown,
    )
