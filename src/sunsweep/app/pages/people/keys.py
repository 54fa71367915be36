"""API keys: what programs sign in with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import flet as ft

from sunsweep.app.figures.times import instant_of
from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.keeping import use_made, use_maybe
from sunsweep.app.hooks.reading import Reading, use_reading
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.lists import framed
from sunsweep.app.look.once import shown_once
from sunsweep.app.look.parts import empty, named, not_yet, quiet, section
from sunsweep.app.look.roles import role_words
from sunsweep.app.look.when import told
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.pages.people.parts import FORM_WIDTH, form, item, roles, row
from sunsweep.app.pages.people.persons import GIVEABLE, KEY_DAYS, Key, key, keys_in_order
from sunsweep.app.words import _, isolate, ngettext


@dataclass(frozen=True)
class Secret:
    name: str
    key: str


@dataclass
class Draft:
    """The key that is to be made, as typed so far."""

    name: str = ""


def _now(model: Model) -> datetime:
    return instant_of(model.server.clock.now_ms())


@ft.component
def Keys() -> ft.Control:
    model = use_model()
    company = watch(model.company)
    is_adding, set_adding = ft.use_state(False)
    secret, show = use_maybe(Secret)
    ask = use_question()

    async def read() -> list[Key]:
        return keys_in_order([key(item) for item in await model.api.api_keys()], _now(model))

    reading = use_reading(read, [company.id])

    async def added(new: Secret) -> None:
        set_adding(False)
        show(new)
        await reading.again()

    async def revoke(key_id: int) -> None:
        await model.api.revoke_api_key(key_id)
        await reading.again()

    add = ft.FilledTonalButton(
        _("New key"), icon=ft.Icons.KEY_OUTLINED, on_click=lambda: set_adding(True), disabled=is_adding
    )
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Column(
                    [section(_("API keys")), quiet(_("For programs of yours."))], expand=True, spacing=0, tight=True
                ),
                named("key-add", add),
            ]
        )
    ]
    if secret is not None:
        parts.append(
            shown_once(
                "key-secret",
                _("The key “{name}”").format(name=isolate(secret.name)),
                _("Copy it to where it is used: it is shown only now."),
                secret.key,
                lambda: show(None),
            )
        )
    if is_adding:
        parts.append(AddKey(added, lambda: set_adding(False)))
    parts.append(_keys(model, reading, lambda one: ask(_revoking(one, revoke))))
    return ft.Column(parts, spacing=12, tight=True)


def _keys(model: Model, reading: Reading[list[Key]], revoke: Callable[[Key], None]) -> ft.Control:
    if reading.found is None:
        return not_yet(reading.trouble, reading.again, 2, 56)
    if not reading.found:
        return empty(
            ft.Icons.KEY_OFF_OUTLINED,
            _("No key yet"),
            _("A key lets a program use the API without anybody's password."),
        )
    return framed("keys", [_key_row(model, one, revoke) for one in reading.found])


def _key_row(model: Model, one: Key, revoke: Callable[[Key], None]) -> ft.Control:
    is_good = one.is_good(_now(model))
    lines: list[ft.Control] = [quiet(role_words(one.role))]
    if one.revoked_at is not None:
        words = _("Revoked: {time}").format(time=told(model, one.revoked_at))
        lines.append(ft.Text(words, color=ft.Colors.ERROR))
    elif is_good:
        lines.append(quiet(_("Good until {time}").format(time=told(model, one.expires_at))))
    else:
        words = _("Ended: {time}").format(time=told(model, one.expires_at))
        lines.append(ft.Text(words, color=ft.Colors.ERROR))
    used = _("Last used: {time}").format(time=told(model, one.used_at)) if one.used_at else _("Never used")
    lines.append(quiet(used))
    name = f"key-{one.id}"
    menu = [item(f"{name}-revoke", ft.Icons.BLOCK, _("Revoke"), lambda: revoke(one))] if is_good else []
    return row(
        name,
        ft.Icons.KEY if is_good else ft.Icons.KEY_OFF,
        isolate(one.name),
        lines,
        menu,
        is_over=not is_good,
        label=_("What to do with {name}").format(name=isolate(one.name)),
    )


@ft.component
def AddKey(added: Callable[[Secret], Any], cancel: Callable[[], Any]) -> ft.Control:
    model = use_model()
    draft = use_made(Draft)
    role, set_role = ft.use_state(GIVEABLE[0])
    days, set_days = ft.use_state(KEY_DAYS[1])
    acting = use_acting()

    async def add() -> None:
        made = await acting.do(lambda: model.api.add_api_key(draft.name.strip(), role, days))
        if made is not None:
            await added(Secret(made["name"], made["key"]))

    def typed(event: ft.Event[ft.TextField]) -> None:
        draft.name = event.control.value or ""

    def chosen(event: ft.Event[ft.SegmentedButton]) -> None:
        set_days(int(event.control.selected[0]))

    about_name = acting.said if acting.field == "name" else ""
    return form(
        "key-new",
        _("New key"),
        [
            named(
                "key-new-name",
                ft.TextField(
                    label=_("What it is for"),
                    value=draft.name,
                    width=FORM_WIDTH,
                    error=about_name or None,
                    autofocus=True,
                    on_change=typed,
                    on_submit=add,
                ),
            ),
            roles("key-new-role", role, set_role),
            quiet(_("How long it is good")),
            named(
                "key-new-days",
                ft.SegmentedButton(
                    [
                        ft.Segment(
                            str(one),
                            label=named(
                                f"key-new-days-{one}", ft.Text(ngettext("{n} day", "{n} days", one).format(n=one))
                            ),
                        )
                        for one in KEY_DAYS
                    ],
                    selected=[str(days)],
                    show_selected_icon=False,
                    on_change=chosen,
                ),
            ),
        ],
        said="" if about_name else acting.said,
        yes=_("Make the key"),
        is_busy=acting.is_busy,
        on_yes=add,
        on_no=cancel,
    )


def _revoking(one: Key, revoke: Callable[[int], Awaitable[None]]) -> Act:
    return Act(
        "key-revoke",
        _("Revoke the key “{name}”?").format(name=isolate(one.name)),
        _("Programs that use it are refused from now on. It cannot be taken back; a new key can be made."),
        _("Revoke"),
        _("Cancel"),
        partial(revoke, one.id),
    )
