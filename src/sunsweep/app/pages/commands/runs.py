"""The runs over many machines, the newest first."""

import flet as ft

from sunsweep.app.addresses import address, asked
from sunsweep.app.hooks.components import keyed
from sunsweep.app.look.parts import empty, failed, heading, loading, named
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.commands.frame import back, listed_rows
from sunsweep.app.pages.commands.run_rows import RunRow
from sunsweep.app.pages.commands.tally import Run, run
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _

PAGE = 50


@ft.component
def RunsPage() -> ft.Control:
    model = use_model()
    session = watch(model.session)
    before = asked(model.page.route or "", "before")
    none_yet: tuple[Run, ...] | None = None
    runs, set_runs = ft.use_state(none_yet)
    older, set_older = ft.use_state("")
    trouble, set_trouble = ft.use_state("")

    async def look() -> None:
        set_trouble("")
        try:
            page = await model.api.bulk_runs(cursor=before, limit=PAGE)
        except (Refused, Away) as error:
            set_trouble(in_words(error))
            return
        set_runs(tuple(map(run, page.items)))
        set_older(page.next_cursor or "")

    ft.use_effect(look, [before])
    new = named(
        "commands-new",
        ft.FilledTonalButton(_("Command for many"), icon=ft.Icons.ADD, on_click=lambda: model.go("/commands/new")),
    )
    body: list[ft.Control]
    if trouble:
        body = [failed(trouble, look)]
    elif runs is None:
        body = [loading()]
    elif not runs:
        body = [
            empty(
                ft.Icons.LAYERS_OUTLINED,
                _("No run yet"),
                _("One command for many machines is a run: it is followed here until the last machine has answered."),
                *([new] if session.may_command else []),
            )
        ]
    else:
        body = [listed_rows("runs", [keyed(RunRow, one.id)(one) for one in runs])]
        steps: list[ft.Control] = []
        if before:
            steps.append(
                named("page-newest", ft.OutlinedButton(_("Newest"), on_click=lambda: model.go("/commands/runs")))
            )
        if older:
            steps.append(
                named(
                    "page-older",
                    ft.OutlinedButton(_("Older"), on_click=lambda: model.go(address("/commands/runs", before=older))),
                )
            )
        body.append(ft.Row(steps, alignment=ft.MainAxisAlignment.CENTER))
    is_phone = watch(model.window).width is Width.PHONE
    acts = [new] if session.may_command and runs else []
    title = ft.Container(heading(_("Runs over many machines")), expand=True)
    head = ft.Column(
        [ft.Row([back(model, "/commands"), title, *([] if is_phone else acts)]), *(acts if is_phone else [])],
        spacing=6,
        tight=True,
    )
    return named("page-runs", ft.Column([head, *body], spacing=12, expand=True, scroll=ft.ScrollMode.AUTO))
