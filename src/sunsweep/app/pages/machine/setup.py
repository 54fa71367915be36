"""A machine's setup: what it is called and where it stands, how it is let in, and how it ends."""

from collections.abc import Callable
from typing import Any

import flet as ft

from sunsweep.app.hooks.keeping import use_list, use_maybe, use_redraw
from sunsweep.app.hooks.once import use_once
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.forms import use_sending
from sunsweep.app.look.parts import GAP, card, error_line, failed, loading, named, quiet, section
from sunsweep.app.machine_form.draft import changes, draft_of, read
from sunsweep.app.machine_form.fields import machine_fields, use_models
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.machine.access import Access
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _, isolate

Row = dict[str, Any]


@ft.component
def SetupPart(machine_id: str) -> ft.Control:
    """For the machine's page; who may not administer reads it."""
    model = use_model()
    row, set_row = use_maybe(Row)
    trouble, set_trouble = ft.use_state("")

    async def ask() -> None:
        set_trouble("")
        try:
            set_row(await model.api.machine(machine_id))
        except (Refused, Away) as found:
            set_trouble(in_words(found))

    def changed(now: Row) -> None:
        set_row(now)
        model.feeding.refresh()

    ft.use_effect(ask, [machine_id])
    if trouble:
        return failed(trouble, ask)
    if row is None or row["machine_id"] != machine_id:
        return loading(rows=4)
    if not model.session.may_administer:
        return ReadOnly(row)
    parts: list[ft.Control] = [Details(row, changed), Access(row, changed)]
    if model.session.is_platform_admin:
        parts.append(Moving(row))
    parts.append(Ending(row))
    return ft.Column(parts, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH, key=machine_id)


@ft.component
def ReadOnly(row: Row) -> ft.Control:
    draft = draft_of(row)
    place = f"{draft['lat']}°, {draft['lon']}°" if draft["lat"] else ""
    lines = [
        (_("Serial number"), row["machine_id"]),
        (_("Name"), draft["name"]),
        (_("Model"), draft["model"]),
        (_("Tags"), draft["tags"]),
        (_("Place"), place),
        (_("Expected interval"), _("{n} s").format(n=draft["expected_interval_s"])),
        (_("Notes"), draft.get("notes", "")),
    ]
    return card(
        section(_("Setup")),
        *(
            ft.Row([ft.Container(quiet(label), width=160), ft.Text(words, selectable=True, expand=True)])
            for label, words in lines
            if words
        ),
    )


@ft.component
def Details(row: Row, changed: Callable[[Row], None]) -> ft.Control:
    """Only what was typed anew is sent: what others change meanwhile stays."""
    model = use_model()
    draft, _set_draft = ft.use_state(draft_of(row))
    sending = use_sending()
    redraw = use_redraw()
    models = use_models()

    async def save() -> None:
        body, found = read(draft)
        wish = changes(body, row)
        if not sending.is_right(found) or not wish:
            return
        now = await sending.send(draft, lambda: model.api.change_machine(row["machine_id"], wish))
        if now is not None:
            changed(now)
            model.say(_("Saved"))

    saving = use_once(save)
    return card(
        section(_("Name and place")),
        ft.Container(height=4),
        machine_fields(draft, sending.wrong, models, redraw=redraw, on_submit=saving.do),
        *error_line("setup-said", sending.said),
        ft.Row(
            [
                named(
                    "setup-save",
                    ft.FilledButton(_("Save"), icon=ft.Icons.CHECK, on_click=saving.do, disabled=saving.is_under_way),
                )
            ],
            alignment=ft.MainAxisAlignment.END,
        ),
    )


@ft.component
def Moving(row: Row) -> ft.Control:
    """The platform admin's: to another company, where it begins anew."""
    model = use_model()
    companies, set_companies = use_list(Row)
    chosen, set_chosen = ft.use_state("")
    ask = use_question()

    async def look() -> None:
        try:
            set_companies([one for one in await model.api.companies() if one["company_id"] != row["company_id"]])
        except (Refused, Away):
            set_companies([])

    async def move() -> None:
        await model.api.move_machine(row["machine_id"], int(chosen))
        model.feeding.refresh()
        model.say(_("Moved. It needs a new code, or a new login, from its new company."))
        model.go("/")

    ft.use_effect(look, [row["company_id"]])
    name = next((one["name"] for one in companies if str(one["company_id"]) == chosen), "")
    moving = Act(
        "move",
        _("Move {machine} to {company}?").format(machine=isolate(row["machine_id"]), company=isolate(name)),
        _("Its history stays here. There it begins anew, and its present login ends now."),
        _("Move it"),
        _("Leave it here"),
        move,
    )
    return card(
        section(_("Company")),
        ft.Row(
            [
                named(
                    "move-to",
                    ft.Dropdown(
                        label=_("Another company"),
                        value=chosen or None,
                        options=[ft.DropdownOption(str(one["company_id"]), one["name"]) for one in companies],
                        on_select=lambda event: set_chosen(event.control.value or ""),
                        width=260,
                    ),
                ),
                named(
                    "move",
                    ft.OutlinedButton(
                        _("Move it"), icon=ft.Icons.DRIVE_FILE_MOVE, on_click=lambda: ask(moving), disabled=not chosen
                    ),
                ),
            ],
            wrap=True,
            spacing=12,
            run_spacing=8,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
        ),
    )


@ft.component
def Ending(row: Row) -> ft.Control:
    """The end of a machine: its history stays."""
    model = use_model()
    ask = use_question()

    async def archive() -> None:
        await model.api.archive_machine(row["machine_id"])
        model.feeding.refresh()
        model.say(_("{machine} is archived").format(machine=isolate(row["machine_id"])))
        model.go("/")

    archiving = Act(
        "archive",
        _("Archive {machine}?").format(machine=isolate(row["machine_id"])),
        _(
            "It disappears from the fleet, its login and what it was to do end now. Its history stays. "
            "Its serial number is free after a day."
        ),
        _("Archive"),
        _("Keep it"),
        archive,
    )
    return card(
        section(_("End of service")),
        ft.Row(
            [
                named(
                    "archive",
                    ft.OutlinedButton(
                        _("Archive this machine"),
                        icon=ft.Icons.ARCHIVE_OUTLINED,
                        style=ft.ButtonStyle(color=ft.Colors.ERROR),
                        on_click=lambda: ask(archiving),
                    ),
                )
            ]
        ),
    )
