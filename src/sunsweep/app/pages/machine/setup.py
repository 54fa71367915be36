"""A machine's setup: what it is called and where it stands, how it is let in, and how it ends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from sunsweep.app.hooks.keeping import use_list, use_maybe, use_redraw, use_wrong
from sunsweep.app.hooks.once import use_once
from sunsweep.app.look.asking import question
from sunsweep.app.look.copying import Copyable
from sunsweep.app.look.forms import told
from sunsweep.app.look.parts import GAP, card, failed, loading, named, quiet, section
from sunsweep.app.machine_form.draft import changes, draft_of, read
from sunsweep.app.machine_form.fields import machine_fields, use_models
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.one_time import OneTime
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _, isolate

Row = dict[str, Any]


@dataclass(frozen=True)
class Act:
    """What is asked before: its question, and what Yes does."""

    identifier: str
    title: str
    words: str
    yes: str
    no: str
    do: Callable[[], Awaitable[None]]


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
    wrong, set_wrong = use_wrong()
    said, set_said = ft.use_state("")
    redraw = use_redraw()
    models = use_models()

    async def save() -> None:
        body, found = read(draft)
        set_wrong(found)
        set_said("")
        wish = changes(body, row)
        if found or not wish:
            return
        try:
            changed(await model.api.change_machine(row["machine_id"], wish))
        except (Refused, Away) as trouble:
            beside, words = told(trouble, draft)
            set_wrong(beside)
            set_said(words)
        else:
            model.say(_("Saved"))

    saving = use_once(save)
    return card(
        section(_("Name and place")),
        ft.Container(height=4),
        machine_fields(draft, wrong, models, redraw=redraw, on_submit=saving.do),
        *([named("setup-said", ft.Text(said, color=ft.Colors.ERROR))] if said else []),
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
def Access(row: Row, changed: Callable[[Row], None]) -> ft.Control:
    """How it is let in: a code, a login, or not at all."""
    model = use_model()
    serial = isolate(row["machine_id"])
    login, set_login = use_maybe(Row)
    said, set_said = ft.use_state("")
    ask = _use_question()

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
            set_said("")
            try:
                await work()
            except (Refused, Away) as trouble:
                set_said(in_words(trouble))

        return tried

    enabling, coding = use_once(at_once(enable)), use_once(at_once(code))
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
    switch = (
        named("disable", ft.OutlinedButton(_("Disable"), icon=ft.Icons.BLOCK, on_click=lambda: ask(disabling)))
        if row["enabled"]
        else named(
            "enable", ft.FilledTonalButton(_("Enable"), icon=ft.Icons.CHECK_CIRCLE_OUTLINE, on_click=enabling.do)
        )
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
                        _("Enrol it anew"), icon=ft.Icons.KEY, on_click=coding.do, disabled=not row["enabled"]
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
        *([named("access-said", ft.Text(said, color=ft.Colors.ERROR))] if said else []),
        *shown,
    )


@ft.component
def Moving(row: Row) -> ft.Control:
    """The platform admin's: to another company, where it begins anew."""
    model = use_model()
    companies, set_companies = use_list(Row)
    chosen, set_chosen = ft.use_state("")
    ask = _use_question()

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
    ask = _use_question()

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


def _use_question() -> Callable[[Act], None]:
    """Ask before an act; a refusal is told where it was asked."""
    act, set_act = use_maybe(Act)
    said, set_said = ft.use_state("")

    async def do() -> None:
        set_said("")
        try:
            if act is not None:
                await act.do()
        except (Refused, Away) as trouble:
            set_said(in_words(trouble))
        else:
            set_act(None)

    def leave() -> None:
        set_said("")
        set_act(None)

    doing = use_once(do)
    ft.use_dialog(
        question(
            act.identifier,
            act.title,
            act.words,
            yes=act.yes,
            no=act.no,
            on_yes=doing.do,
            on_no=leave,
            said=said,
            is_under_way=doing.is_under_way,
        )
        if act is not None
        else None
    )
    return set_act
