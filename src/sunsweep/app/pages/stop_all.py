"""The stop for a whole company: always in the same place, asks once."""

import flet as ft

from sunsweep.app.look.parts import named
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _, ngettext


@ft.component
def StopAll() -> ft.Control:
    model = use_model()
    window, company = watch(model.window), watch(model.company)
    is_asking, set_asking = ft.use_state(False)
    said, set_said = ft.use_state("")

    async def stop() -> None:
        set_said("")
        try:
            run = await model.api.stop_all()
        except (Refused, Away) as trouble:
            set_said(in_words(trouble))
            return
        set_asking(False)
        model.go(f"/commands/runs/{run['id']}")

    count = len(model.fleet.machines)
    question = ngettext("Stop {n} machine of {company}?", "Stop all {n} machines of {company}?", count).format(
        n=count, company=company.name
    )
    ft.use_dialog(
        ft.AlertDialog(
            modal=True,
            title=ft.Text(question),
            content=ft.Column(
                [
                    ft.Text(
                        _(
                            "Each machine stops where it stands. "
                            "One that is away is stopped first thing when it comes back."
                        )
                    ),
                    ft.Text(said, color=ft.Colors.ERROR, visible=bool(said)),
                ],
                tight=True,
                width=420,
            ),
            actions=[
                named(
                    "stop-all-no", ft.TextButton(_("Do not stop"), on_click=lambda: set_asking(False), autofocus=True)
                ),
                named(
                    "stop-all-yes",
                    ft.FilledButton(
                        _("Stop all"),
                        icon=ft.Icons.STOP_CIRCLE,
                        bgcolor=ft.Colors.ERROR,
                        color=ft.Colors.ON_ERROR,
                        on_click=stop,
                    ),
                ),
            ],
            on_dismiss=lambda: set_asking(False),
        )
        if is_asking
        else None
    )
    return named(
        "stop-all",
        ft.OutlinedButton(
            _("Stop all") if window.width is Width.PHONE else _("Stop all machines"),
            icon=ft.Icons.STOP_CIRCLE_OUTLINED,
            style=ft.ButtonStyle(color=ft.Colors.ERROR, side=ft.BorderSide(1, ft.Colors.ERROR)),
            on_click=lambda: set_asking(True),
        ),
    )
