"""Signing in, and asking for a new password."""

from collections.abc import Awaitable, Callable
from typing import Final

import flet as ft

from sunsweep.app.hooks.once import use_once
from sunsweep.app.look.parts import card, error_line, named, quiet
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.server import IN_BROWSER
from sunsweep.app.reaching import address_of
from sunsweep.app.signing import sign_in
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _

_FIELD_PX: Final = 344
"""All the card's width; on a narrower screen what there is."""


@ft.component
def LoginPage() -> ft.Control:
    model = use_model()
    session = watch(model.session)
    address, set_address = ft.use_state(model.server.address)
    email, set_email = ft.use_state("")
    password, set_password = ft.use_state("")
    said, set_said = ft.use_state("")

    async def enter() -> None:
        set_said(await _tried(model, address, lambda: sign_in(model, email.strip(), password)))

    async def forgotten() -> None:
        if not email.strip():
            set_said(_("Type your e-mail address first."))
            return
        trouble = await _tried(model, address, lambda: model.api.ask_reset(email.strip()))
        set_said(trouble or _("If there is such an account, a link for a new password is on its way to it."))

    entering, asking = use_once(enter), use_once(forgotten)
    return ft.Container(
        width=400,
        content=card(
            ft.Row(
                [
                    ft.Icon(ft.Icons.SOLAR_POWER, color=ft.Colors.PRIMARY, size=32),
                    ft.Text("Sunsweep", theme_style=ft.TextThemeStyle.HEADLINE_MEDIUM, weight=ft.FontWeight.W_700),
                ]
            ),
            quiet(session.said or _("Sign in to see your machines.")),
            *(() if IN_BROWSER else [_server_field(address, set_address, entering.do)]),
            named(
                "login-email",
                ft.TextField(
                    width=_FIELD_PX,
                    label=_("E-mail address"),
                    value=email,
                    keyboard_type=ft.KeyboardType.EMAIL,
                    autofill_hints=[ft.AutofillHint.USERNAME],
                    autofocus=True,
                    on_change=lambda event: set_email(event.control.value),
                    on_submit=entering.do,
                ),
            ),
            named(
                "login-password",
                ft.TextField(
                    width=_FIELD_PX,
                    label=_("Password"),
                    value=password,
                    password=True,
                    can_reveal_password=True,
                    autofill_hints=[ft.AutofillHint.PASSWORD],
                    on_change=lambda event: set_password(event.control.value),
                    on_submit=entering.do,
                ),
            ),
            *error_line("login-said", said),
            named(
                "login-go",
                ft.FilledButton(
                    _("Sign in"), on_click=entering.do, disabled=entering.is_under_way, width=_FIELD_PX, height=44
                ),
            ),
            named("login-forgotten", ft.TextButton(_("Forgotten your password?"), on_click=asking.do)),
            padding=28,
        ),
    )


async def _tried(model: Model, address: str, ask: Callable[[], Awaitable[None]]) -> str:
    """What went wrong, in words; empty where nothing did."""
    try:
        # A page in the browser has come from its server.
        if not IN_BROWSER:
            await model.reach(address_of(address))
        await ask()
    except ValueError:
        return _("This is no server's address. It looks like https://solar.example.com")
    except (Refused, Away) as trouble:
        is_wrong = isinstance(trouble, Refused) and trouble.status == 401
        return _("E-mail address or password is wrong.") if is_wrong else in_words(trouble)
    return ""


def _server_field(address: str, set_address: Callable[[str], None], enter: Callable[[], Awaitable[None]]) -> ft.Control:
    """Where there is no page that came from the server."""
    return named(
        "login-server",
        ft.TextField(
            width=_FIELD_PX,
            label=_("Server"),
            value=address,
            keyboard_type=ft.KeyboardType.URL,
            on_change=lambda event: set_address(event.control.value),
            on_submit=enter,
        ),
    )
