"""What holds for the company: its admins set it."""

from collections.abc import Callable
from typing import Any

import flet as ft

from sunsweep.app.hooks.keeping import use_maybe
from sunsweep.app.hooks.once import use_once
from sunsweep.app.look.forms import HALF, WHOLE, Columns, use_sending
from sunsweep.app.look.parts import card, error_line, failed, loading, named, section
from sunsweep.app.model import use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.settings.company_draft import company_draft, read_company
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _

Row = dict[str, Any]


@ft.component
def CompanySettings() -> ft.Control:
    """Asked of the server; a platform admin's is the company that is looked at."""
    model = use_model()
    company = watch(model.company)
    row, set_row = use_maybe(Row)
    trouble, set_trouble = ft.use_state("")

    async def ask() -> None:
        set_trouble("")
        if company.id is None:
            return
        try:
            set_row(await model.api.company(company.id))
        except (Refused, Away) as found:
            set_trouble(in_words(found))

    ft.use_effect(ask, [company.id])
    if company.id is None:
        return ft.Container()
    if trouble:
        return failed(trouble, ask)
    if row is None or row["company_id"] != company.id:
        return loading(rows=3)
    # Another company is another form.
    return ft.Container(Form(row, set_row), key=str(row["company_id"]))


@ft.component
def Form(row: Row, set_row: Callable[[Row], None]) -> ft.Control:
    model = use_model()
    draft, _set_draft = ft.use_state(company_draft(row))
    sending = use_sending()
    is_platforms = model.session.is_platform_admin

    async def save() -> None:
        wish, found = read_company(draft, row)
        if not sending.is_right(found) or not wish:
            return
        now = await sending.send(draft, lambda: model.api.change_company(row["company_id"], wish))
        if now is not None:
            model.company.name = now["name"]
            set_row(now)
            model.say(_("Saved"))

    saving = use_once(save)

    def take(name: str) -> Any:
        def taken(event: ft.Event[Any]) -> None:
            draft[name] = event.control.value

        return taken

    def field(name: str, label: str, *, is_open: bool, col: int | Columns = HALF, **more: Any) -> ft.Control:
        found = named(
            f"company-{name.replace('_', '-')}",
            ft.TextField(
                label=label,
                value=draft[name],
                error=sending.wrong.get(name),
                read_only=not is_open,
                filled=not is_open,
                on_change=take(name),
                on_submit=saving.do,
                **more,
            ),
        )
        return ft.Container(found, col=col)

    platforms = "" if is_platforms else " " + _("Set by the platform's admin.")
    return card(
        section(_("Company")),
        ft.Container(height=4),
        ft.ResponsiveRow(
            [
                field("name", _("Name"), is_open=is_platforms, col=WHOLE, helper=platforms.strip() or None),
                field(
                    "raw_retention_days",
                    _("Single measurements are kept for"),
                    is_open=is_platforms,
                    suffix=_("days"),
                    hint_text=_("as long as the platform keeps them"),
                    helper_max_lines=3,
                    helper=_("Hourly and daily means are kept for good.") + platforms,
                ),
                field(
                    "command_life_s",
                    _("A start waits for its machine for"),
                    is_open=True,
                    suffix=_("s"),
                    hint_text=_("as long as the platform says"),
                    helper_max_lines=3,
                    helper=_("A start that has not reached the machine by then is not carried out any more."),
                ),
            ],
            spacing=12,
            run_spacing=12,
        ),
        named(
            "company-custom-commands",
            ft.Switch(
                label=_("Commands that no list of a model names may be given too"),
                value=draft["custom_commands"],
                on_change=take("custom_commands"),
            ),
        ),
        *error_line("company-said", sending.said),
        ft.Row(
            [
                named(
                    "company-save",
                    ft.FilledTonalButton(
                        _("Save"), icon=ft.Icons.CHECK, on_click=saving.do, disabled=saving.is_under_way
                    ),
                )
            ],
            alignment=ft.MainAxisAlignment.END,
        ),
    )
