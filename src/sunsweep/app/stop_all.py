"""The stop for a whole company: always in the same place, asks once."""

import flet as ft

from sunsweep.app.figures.numbers import number
from sunsweep.app.hooks.once import use_once
from sunsweep.app.look.parts import named
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _, isolate, ngettext


@ft.component
def StopAll() -> ft.Control:
    model = use_model()
    window, company = watch(model.window), watch(model.company)
    is_asking, set_asking = ft.use_state(False)
    said, set_said = ft.use_state("")

    def ask() -> None:
        set_said("")
        set_asking(True)

    async def stop() -> None:
        set_said("")
        try:
            run = await model.api.stop_all()
        except (Refused, Away) as trouble:
            set_said(in_words(trouble))
            return
        set_asking(False)
        model.go(f"/commands/runs/{run['id']}")

    stopping = use_once(stop)
    ft.use_dialog(
        ft.AlertDialog(
            modal=stopping.is_under_way,
            title=ft.Text(_question(model)),
            content=ft.Column(
                [
                    ft.Text(
                        _(
                            "Each machine stops where it stands. "
                            "One that is away is stopped first thing when it comes back."
                        )
                    ),
                    *([named("stop-all-said", ft.Text(said, color=ft.Colors.ERROR))] if said else []),
                ],
                tight=True,
                width=420,
            ),
            actions=[
                named(
                    "stop-all-no",
                    ft.TextButton(
                        _("Do not stop"),
                        on_click=lambda: set_asking(False),
                        autofocus=True,
                        disabled=stopping.is_under_way,
                    ),
                ),
                named(
                    "stop-all-yes",
                    ft.FilledButton(
                        _("Stop all"),
                        icon=ft.Icons.STOP_CIRCLE,
                        bgcolor=ft.Colors.ERROR,
                        color=ft.Colors.ON_ERROR,
                        on_click=stopping.do,
                        disabled=stopping.is_under_way,
                    ),
                ),
            ],
            on_dismiss=lambda: set_asking(False),
        )
        if is_asking
        else None
    )
    # A platform admin who has chosen no company has no machines to stop.
    return named(
        "stop-all",
        ft.OutlinedButton(
            _("Stop all") if window.width is Width.PHONE else _("Stop all machines"),
            icon=ft.Icons.STOP_CIRCLE_OUTLINED,
            style=ft.ButtonStyle(color=ft.Colors.ERROR, side=ft.BorderSide(1, ft.Colors.ERROR)),
            visible=company.id is not None,
            on_click=ask,
        ),
    )


def _question(model: Model) -> str:
    """Names whose machines and how many; before the list has been read nobody here knows their number."""
    company = isolate(model.company.name)
    if not model.feeding.is_complete:
        return _("Stop all machines of {company}?").format(company=company)
    count = len(model.fleet.machines)
    return ngettext("Stop {n} machine of {company}?", "Stop all {n} machines of {company}?", count).format(
        n=number(count), company=company
    )
