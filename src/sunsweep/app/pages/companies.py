"""All companies of the platform: which one is looked at, adding and renaming them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.hooks.reading import use_reading
from sunsweep.app.look.lists import framed
from sunsweep.app.look.parts import card, empty, heading, named, not_yet, quiet
from sunsweep.app.look.when import told
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.net.api import Json
from sunsweep.app.signing import look_at
from sunsweep.app.words import _, isolate

WIDTH = 560
"""Logical pixels, or what a phone has."""


@ft.component
def CompaniesPage() -> ft.Control:
    session = watch(use_model().session)
    if not session.is_platform_admin:
        return empty(
            ft.Icons.LOCK_OUTLINE,
            _("This page is for admins of the platform"),
            _("Your own company is in the settings."),
        )
    return Companies()


@ft.component
def Companies() -> ft.Control:
    model = use_model()
    watch(model.company)
    is_adding, set_adding = ft.use_state(False)
    renaming, rename = ft.use_state(0)
    reading = use_reading(model.api.companies, [])

    async def done(company: Json) -> None:
        set_adding(False)
        rename(0)
        if company["company_id"] == model.company.id:
            model.company.name = company["name"]
        elif model.company.id is None:
            await look_at(model, company)
        await reading.again()

    add = ft.FilledTonalButton(
        _("Add company"), icon=ft.Icons.ADD_BUSINESS_OUTLINED, on_click=lambda: set_adding(True), disabled=is_adding
    )
    parts: list[ft.Control] = [
        ft.Row([ft.Container(heading(_("Companies")), expand=True), named("company-add", add)]),
    ]
    if is_adding:
        parts.append(NameForm("company-new", "", model.api.add_company, done, lambda: set_adding(False)))
    if reading.found is None:
        parts.append(not_yet(reading.trouble, reading.again, 4, 56))
    elif not reading.found:
        parts.append(empty(ft.Icons.DOMAIN_OUTLINED, _("No company yet"), _("Add the first one.")))
    else:
        parts.append(framed("companies", [_row(model, one, renaming, rename, done) for one in reading.found]))
    return named("page-companies", ft.Column(parts, spacing=12, expand=True, scroll=ft.ScrollMode.AUTO))


def _row(
    model: Model, one: Json, renaming: int, rename: Callable[[int], None], done: Callable[[Json], Any]
) -> ft.Control:
    number: int = one["company_id"]
    if number == renaming:
        form = keyed(NameForm, f"rename-{number}")(
            "company-rename",
            one["name"],
            lambda name: model.api.change_company(number, {"name": name}),
            done,
            lambda: rename(0),
        )
        return ft.Container(form, padding=12)
    is_open = number == model.company.id

    async def enter() -> None:
        await look_at(model, one)
        model.go("/")

    open_button: ft.Control = (
        ft.Row([ft.Icon(ft.Icons.VISIBILITY, color=ft.Colors.PRIMARY), ft.Text(_("You are here"))], tight=True)
        if is_open
        else ft.FilledTonalButton(_("Open"), on_click=enter)
    )
    about: list[ft.Control] = [
        ft.Text(isolate(one["name"]), weight=ft.FontWeight.W_500, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS),
        quiet(_("No. {id}, since {time}").format(id=number, time=told(model, one["created_at"]))),
    ]
    tip = _("Rename {name}").format(name=isolate(one["name"]))
    pen = ft.IconButton(ft.Icons.EDIT_OUTLINED, tooltip=tip, on_click=lambda: rename(number))
    return named(
        f"company-{number}",
        ft.Container(
            ft.Row(
                [
                    ft.Icon(ft.Icons.DOMAIN, color=ft.Colors.PRIMARY if is_open else ft.Colors.OUTLINE),
                    ft.Column(about, spacing=2, expand=True, tight=True),
                    named(f"company-{number}-rename", pen),
                    named(f"company-{number}-open", open_button),
                ],
                spacing=14,
            ),
            padding=ft.Padding.symmetric(horizontal=14, vertical=8),
        ),
    )


@dataclass
class Draft:
    name: str | None = None


@ft.component
def NameForm(
    identifier: str, name: str, save: Callable[[str], Any], done: Callable[[Json], Any], cancel: Callable[[], Any]
) -> ft.Control:
    """A company's name, new or another one."""
    draft = use_made(Draft)
    acting = use_acting()

    async def go() -> None:
        made = await acting.do(lambda: save((name if draft.name is None else draft.name).strip()))
        if made is not None:
            await done(made)

    def typed(event: ft.Event[ft.TextField]) -> None:
        draft.name = event.control.value or ""

    field = ft.TextField(
        label=_("Name of the company"),
        value=name if draft.name is None else draft.name,
        width=WIDTH,
        error=acting.said or None,
        autofocus=True,
        on_change=typed,
        on_submit=go,
    )
    return ft.Container(
        card(
            named(f"{identifier}-name", field),
            ft.Row(
                [
                    named(f"{identifier}-no", ft.TextButton(_("Cancel"), on_click=cancel)),
                    named(
                        f"{identifier}-yes",
                        ft.FilledButton(_("Save") if name else _("Add company"), on_click=go, disabled=acting.is_busy),
                    ),
                ],
                alignment=ft.MainAxisAlignment.END,
            ),
        ),
        width=WIDTH,
    )
