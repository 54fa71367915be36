"""Adding a machine."""

from contextlib import suppress

import flet as ft

from sunsweep.app.hooks.keeping import use_redraw
from sunsweep.app.hooks.once import use_once
from sunsweep.app.look.forms import use_sending
from sunsweep.app.look.parts import GAP, card, empty, error_line, heading, named, quiet
from sunsweep.app.machine_form.draft import NEW, read
from sunsweep.app.machine_form.fields import machine_fields, use_models
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.server_clock import read_ms
from sunsweep.app.one_time import OneTime
from sunsweep.app.words import _

WIDTH = 760
"""Logical pixels; wider lines are not easier to fill in."""


@ft.component
def NewMachinePage() -> ft.Control:
    """What it is and where; then it is made, and its own page of arrival comes."""
    model = use_model()
    draft, _set_draft = ft.use_state(dict(NEW))
    sending = use_sending()
    redraw = use_redraw()
    models = use_models()

    async def add() -> None:
        body, found = read(draft)
        if not sending.is_right(found):
            return
        made = await sending.send(draft, lambda: model.api.add_machine(body))
        if made is None:
            return
        serial = made["machine_id"]
        model.one_time[serial] = OneTime(read_ms(made["created_at"]) or 0).with_login(made)
        model.feeding.refresh()
        # The machine is there; without a code its page offers one.
        with suppress(Refused, Away):
            model.one_time[serial] = model.one_time[serial].with_code(await model.api.enrolment_code(serial))
        model.go(f"/machines/{serial}/welcome")

    adding = use_once(add)
    if not model.session.may_administer:
        return empty(
            ft.Icons.LOCK_OUTLINE,
            _("Machines are added by an admin"),
            _("Ask an admin of your company to add it."),
            named("go-home", ft.FilledButton(_("To the fleet"), on_click=lambda: model.go("/"))),
        )
    return ft.Column(
        [
            heading(_("Add a machine")),
            ft.Container(
                card(
                    quiet(_("Only the serial number is needed now; the rest can be said later.")),
                    ft.Container(height=4),
                    machine_fields(draft, sending.wrong, models, redraw=redraw, on_submit=adding.do),
                    *error_line("add-said", sending.said),
                    ft.Row(
                        [
                            named("add-cancel", ft.TextButton(_("Cancel"), on_click=lambda: model.go("/"))),
                            named(
                                "add-machine",
                                ft.FilledButton(
                                    _("Add machine"),
                                    icon=ft.Icons.ADD,
                                    on_click=adding.do,
                                    disabled=adding.is_under_way,
                                ),
                            ),
                        ],
                        alignment=ft.MainAxisAlignment.END,
                        spacing=GAP,
                    ),
                ),
                width=WIDTH,
            ),
        ],
        spacing=GAP,
        scroll=ft.ScrollMode.AUTO,
        expand=True,
    )
