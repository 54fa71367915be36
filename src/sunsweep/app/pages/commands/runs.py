"""The runs over many machines, the newest first."""

import flet as ft

from sunsweep.app.addresses import address, asked
from sunsweep.app.hooks.components import keyed
from sunsweep.app.look.lists import framed, paging
from sunsweep.app.look.parts import back, empty, failed, heading, loading, named
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.net.errors import Away, Refused
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
        body = [framed("runs", [keyed(RunRow, one.id)(one) for one in runs])]
        further = address("/commands/runs", before=older) if older else ""
        body.append(paging(model, "/commands/runs" if before else "", further))
    is_phone = watch(model.window).width is Width.PHONE
    acts = [new] if session.may_command and runs else []
    title = ft.Container(heading(_("Runs over many machines")), expand=True)
    line = ft.Row([back(lambda: model.go("/commands")), title, *([] if is_phone else acts)])
    head = ft.Column([line, *(acts if is_phone else [])], spacing=6, tight=True)
    return named("page-runs", ft.Column([head, *body], spacing=12, expand=True, scroll=ft.ScrollMode.AUTO))
