"""People: who may sign in, with which role; adding them, and helping who has lost a password."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import flet as ft

from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.keeping import use_made, use_maybe
from sunsweep.app.hooks.reading import Reading, use_reading
from sunsweep.app.look.asking import Act, question, use_question
from sunsweep.app.look.lists import framed
from sunsweep.app.look.once import shown_once
from sunsweep.app.look.parts import empty, heading, named, not_yet, quiet
from sunsweep.app.look.roles import role_words
from sunsweep.app.look.when import told
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.pages.people.parts import FORM_WIDTH, form, item, roles, row
from sunsweep.app.pages.people.persons import GIVEABLE, Person, in_order, person
from sunsweep.app.words import _, isolate


@dataclass(frozen=True)
class Link:
    """With which somebody sets a password."""

    email: str
    url: str
    expires_at: str


@dataclass(frozen=True)
class Wishes:
    """What a person's menu offers."""

    role: Callable[[Person], None]
    link: Callable[[Person], None]
    disable: Callable[[Person], None]
    enable: Callable[[Person], None]


@dataclass
class Draft:
    """Who is to be added, as typed so far."""

    email: str = ""
    role: str = GIVEABLE[0]


@ft.component
def Users() -> ft.Control:
    model = use_model()
    company = watch(model.company)
    is_adding, set_adding = ft.use_state(False)
    link, show_link = use_maybe(Link)
    promoted, promote = use_maybe(Person)
    ask = use_question()

    async def read() -> list[Person]:
        return in_order([person(item) for item in await model.api.users()])

    reading = use_reading(read, [company.id])

    async def added(new: Link) -> None:
        set_adding(False)
        show_link(new)
        await reading.again()

    async def switch(one: Person, *, disabled: bool) -> None:
        await model.api.change_user(one.id, {"disabled": disabled})
        await reading.again()

    async def make_link(one: Person) -> None:
        made = await model.api.reset_link(one.id)
        show_link(Link(one.email, made["reset_link"], made["reset_expires_at"]))

    wishes = Wishes(
        role=promote,
        link=lambda one: ask(_linking(one, partial(make_link, one))),
        disable=lambda one: ask(_disabling(one, partial(switch, one, disabled=True))),
        enable=lambda one: ask(_enabling(one, partial(switch, one, disabled=False))),
    )
    add = ft.FilledTonalButton(
        _("Add person"), icon=ft.Icons.PERSON_ADD_OUTLINED, on_click=lambda: set_adding(True), disabled=is_adding
    )
    parts: list[ft.Control] = [
        ft.Row([ft.Container(heading(_("People")), expand=True), named("person-add", add)]),
    ]
    if link is not None:
        parts.append(_link_card(model, link, lambda: show_link(None)))
    if is_adding:
        parts.append(AddPerson(added, lambda: set_adding(False)))
    parts.append(_people(model, reading, wishes))
    if promoted is not None:
        parts.append(RoleQuestion(promoted, lambda: promote(None), reading.again))
    return ft.Column(parts, spacing=12, tight=True)


def _link_card(model: Model, link: Link, done: Callable[[], None]) -> ft.Control:
    return shown_once(
        "person-link",
        _("A link for {email}").format(email=isolate(link.email)),
        _("With it a password is set, once, until {time}. Hand it over yourself: it is shown only now.").format(
            time=told(model, link.expires_at)
        ),
        link.url,
        done,
    )


def _people(model: Model, reading: Reading[list[Person]], wishes: Wishes) -> ft.Control:
    if reading.found is None:
        return not_yet(reading.trouble, reading.again, 4, 56)
    if not reading.found:
        return empty(ft.Icons.GROUP_OUTLINED, _("Nobody yet"), _("Add the first person of this company."))
    return framed("people", [_person_row(model, one, wishes) for one in reading.found])


def _person_row(model: Model, one: Person, wishes: Wishes) -> ft.Control:
    me = model.session.me
    is_me = me is not None and me.email == one.email
    is_disabled = one.disabled_at is not None
    lines: list[ft.Control] = [quiet(role_words(one.role))]
    if is_me:
        lines.append(quiet(_("This is you")))
    if one.disabled_at is not None:
        words = _("Disabled: {time}").format(time=told(model, one.disabled_at))
        lines.append(ft.Text(words, color=ft.Colors.ERROR))
    name = f"person-{one.id}"

    menu: list[ft.PopupMenuItem] = []
    if not is_me:
        if one.role in GIVEABLE:
            menu.append(item(f"{name}-role", ft.Icons.BADGE_OUTLINED, _("Change role"), partial(wishes.role, one)))
        if is_disabled:
            menu.append(item(f"{name}-enable", ft.Icons.LOCK_OPEN, _("Enable"), partial(wishes.enable, one)))
        else:
            menu.append(item(f"{name}-link", ft.Icons.LINK, _("Link for a new password"), partial(wishes.link, one)))
            menu.append(item(f"{name}-disable", ft.Icons.BLOCK, _("Disable"), partial(wishes.disable, one)))
    return row(
        name,
        ft.Icons.PERSON_OFF_OUTLINED if is_disabled else ft.Icons.PERSON_OUTLINE,
        isolate(one.email),
        lines,
        menu,
        is_over=is_disabled,
        label=_("What to do with {email}").format(email=isolate(one.email)),
    )


@ft.component
def AddPerson(added: Callable[[Link], Any], cancel: Callable[[], Any]) -> ft.Control:
    model = use_model()
    draft = use_made(Draft)
    role, set_role = ft.use_state(draft.role)
    acting = use_acting()

    async def add() -> None:
        made = await acting.do(lambda: model.api.add_user(draft.email.strip(), role))
        if made is not None:
            await added(Link(made["email"], made["reset_link"], made["reset_expires_at"]))

    def typed(event: ft.Event[ft.TextField]) -> None:
        draft.email = event.control.value or ""

    about_email = acting.said if acting.field == "email" else ""
    return form(
        "person-new",
        _("Add person"),
        [
            named(
                "person-new-email",
                ft.TextField(
                    label=_("E-mail address"),
                    value=draft.email,
                    width=FORM_WIDTH,
                    keyboard_type=ft.KeyboardType.EMAIL,
                    error=about_email or None,
                    autofocus=True,
                    on_change=typed,
                    on_submit=add,
                ),
            ),
            roles("person-new-role", role, set_role),
            quiet(_("You then get a link to hand over, with which the person sets a password.")),
        ],
        said="" if about_email else acting.said,
        yes=_("Add person"),
        is_busy=acting.is_busy,
        on_yes=add,
        on_no=cancel,
    )


@ft.component
def RoleQuestion(one: Person, close: Callable[[], None], again: Callable[[], Any]) -> ft.Control:
    """Has a role chosen, asks once, and gives it."""
    model = use_model()
    acting = use_acting()
    role, set_role = ft.use_state(one.role)

    async def give() -> None:
        if await acting.tries(lambda: model.api.change_user(one.id, {"role": role})):
            close()
            await again()

    ft.use_dialog(
        question(
            "person-change-role",
            _("Which role for {email}?").format(email=isolate(one.email)),
            _("It holds at once, wherever the person is signed in."),
            yes=_("Change role"),
            no=_("Cancel"),
            on_yes=give,
            on_no=close,
            said=acting.said,
            more=roles("person-role", role, set_role),
            is_under_way=acting.is_busy,
        )
    )
    return ft.Container()


def _disabling(one: Person, do: Callable[[], Awaitable[None]]) -> Act:
    return Act(
        "person-disable",
        _("Disable {email}?").format(email=isolate(one.email)),
        _("The person is signed out everywhere at once and cannot sign in, until you enable them again."),
        _("Disable"),
        _("Cancel"),
        do,
    )


def _enabling(one: Person, do: Callable[[], Awaitable[None]]) -> Act:
    return Act(
        "person-enable",
        _("Enable {email}?").format(email=isolate(one.email)),
        _("The person can sign in again, with the same role and password as before."),
        _("Enable"),
        _("Cancel"),
        do,
    )


def _linking(one: Person, do: Callable[[], Awaitable[None]]) -> Act:
    return Act(
        "person-get-link",
        _("A link for {email}?").format(email=isolate(one.email)),
        _("With it the person sets a new password; the present one is good until then."),
        _("Make a link"),
        _("Cancel"),
        do,
    )
