"""People: who may sign in, with which role; adding them, and helping who has lost a password."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from sunsweep.app.hooks.acting import Acting, use_acting
from sunsweep.app.hooks.keeping import use_made, use_maybe
from sunsweep.app.hooks.reading import Reading, use_reading
from sunsweep.app.look.asking import question
from sunsweep.app.look.lists import framed
from sunsweep.app.look.once import shown_once
from sunsweep.app.look.parts import empty, failed, heading, loading, named, quiet
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
class Asked:
    """What was chosen in somebody's menu."""

    person: Person
    what: str
    """role, disable, enable or link."""


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
    asked, ask = use_maybe(Asked)

    async def read() -> list[Person]:
        return in_order([person(item) for item in await model.api.users()])

    reading = use_reading(read, [company.id])

    async def added(new: Link) -> None:
        set_adding(False)
        show_link(new)
        await reading.again()

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
    parts.append(_people(model, reading, ask))
    if asked is not None:
        parts.append(Question(asked, lambda: ask(None), show_link, reading.again))
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


def _people(model: Model, reading: Reading[list[Person]], ask: Callable[[Asked | None], None]) -> ft.Control:
    if reading.found is None:
        return failed(reading.trouble, reading.again) if reading.trouble else loading(4, 56)
    if not reading.found:
        return empty(ft.Icons.GROUP_OUTLINED, _("Nobody yet"), _("Add the first person of this company."))
    return framed("people", [_person_row(model, one, ask) for one in reading.found])


def _person_row(model: Model, one: Person, ask: Callable[[Asked | None], None]) -> ft.Control:
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

    def wish(what: str) -> Callable[[], None]:
        return lambda: ask(Asked(one, what))

    menu: list[ft.PopupMenuItem] = []
    if not is_me:
        if one.role in GIVEABLE:
            menu.append(item(f"{name}-role", ft.Icons.BADGE_OUTLINED, _("Change role"), wish("role")))
        if is_disabled:
            menu.append(item(f"{name}-enable", ft.Icons.LOCK_OPEN, _("Enable"), wish("enable")))
        else:
            menu.append(item(f"{name}-link", ft.Icons.LINK, _("Link for a new password"), wish("link")))
            menu.append(item(f"{name}-disable", ft.Icons.BLOCK, _("Disable"), wish("disable")))
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
def Question(
    asked: Asked, close: Callable[[], None], show_link: Callable[[Link | None], None], again: Callable[[], Any]
) -> ft.Control:
    """Asks once, and does it."""
    model = use_model()
    acting = use_acting()
    one = asked.person
    role, set_role = ft.use_state(one.role)

    async def change(wish: dict[str, Any]) -> None:
        if await acting.do(lambda: model.api.change_user(one.id, wish)) is not None:
            close()
            await again()

    async def link() -> None:
        made = await acting.do(lambda: model.api.reset_link(one.id))
        if made is not None:
            close()
            show_link(Link(one.email, made["reset_link"], made["reset_expires_at"]))

    ft.use_dialog(_dialog(asked, acting, role, set_role, change, link, close))
    return ft.Container()


def _dialog(
    asked: Asked,
    acting: Acting,
    role: str,
    set_role: Callable[[str], None],
    change: Callable[[dict[str, Any]], Any],
    link: Callable[[], Any],
    close: Callable[[], None],
) -> ft.AlertDialog:
    email = isolate(asked.person.email)

    async def give_role() -> None:
        await change({"role": role})

    async def disable() -> None:
        await change({"disabled": True})

    async def enable() -> None:
        await change({"disabled": False})

    if asked.what == "role":
        return question(
            "person-change-role",
            _("Which role for {email}?").format(email=email),
            _("It holds at once, wherever the person is signed in."),
            yes=_("Change role"),
            no=_("Cancel"),
            on_yes=give_role,
            on_no=close,
            said=acting.said,
            more=roles("person-role", role, set_role),
        )
    if asked.what == "disable":
        return question(
            "person-disable",
            _("Disable {email}?").format(email=email),
            _("The person is signed out everywhere at once and cannot sign in, until you enable them again."),
            yes=_("Disable"),
            no=_("Cancel"),
            on_yes=disable,
            on_no=close,
            said=acting.said,
        )
    if asked.what == "enable":
        return question(
            "person-enable",
            _("Enable {email}?").format(email=email),
            _("The person can sign in again, with the same role and password as before."),
            yes=_("Enable"),
            no=_("Cancel"),
            on_yes=enable,
            on_no=close,
            said=acting.said,
        )
    return question(
        "person-get-link",
        _("A link for {email}?").format(email=email),
        _("With it the person sets a new password; the present one is good until then."),
        yes=_("Make a link"),
        no=_("Cancel"),
        on_yes=link,
        on_no=close,
        said=acting.said,
    )
