"""The stop for a whole company: always in the same place, asks once."""

import flet as ft

from sunsweep.app.figures.numbers import number
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.parts import named
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.words import _, isolate, ngettext


@ft.component
def StopAll() -> ft.Control:
    model = use_model()
    window, company = watch(model.window), watch(model.company)
    ask = use_question()

    async def stop() -> None:
        run = await model.api.stop_all()
        model.go(f"/commands/runs/{run['id']}")

    def stopping() -> Act:
        return Act(
            "stop-all",
            _question(model),
            _("Each machine stops where it stands. One that is away is stopped first thing when it comes back."),
            _("Stop all"),
            _("Do not stop"),
            stop,
        )

    # A platform admin who has chosen no company has no machines to stop.
    return named(
        "stop-all",
        ft.OutlinedButton(
            _("Stop all") if window.width is Width.PHONE else _("Stop all machines"),
            icon=ft.Icons.STOP_CIRCLE_OUTLINED,
            style=ft.ButtonStyle(color=ft.Colors.ERROR, side=ft.BorderSide(1, ft.Colors.ERROR)),
            visible=company.id is not None,
            on_click=lambda: ask(stopping()),
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
