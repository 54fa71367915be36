"""The settings: language, theme, one's account, the company, and what this is."""

import platform

import flet as ft

from sunsweep import __version__
from sunsweep.app.look.parts import GAP, card, heading, named, quiet, section
from sunsweep.app.look.roles import role_words
from sunsweep.app.model import use_model, watch
from sunsweep.app.pages.settings.company import CompanySettings
from sunsweep.app.pages.settings.password import PasswordCard
from sunsweep.app.preferences import keep
from sunsweep.app.signing import sign_out
from sunsweep.app.words import _, isolate
from sunsweep.app.words.catalogue import languages, own_name

WIDTH = 760
"""Logical pixels."""


@ft.component
def SettingsPage() -> ft.Control:
    session = watch(use_model().session)
    parts: list[ft.Control] = [LookCard(), AccountCard(), PasswordCard()]
    if session.may_administer:
        parts.append(CompanySettings())
    parts.append(AboutCard())
    return ft.Column(
        [
            heading(_("Settings")),
            ft.Container(
                ft.Column(parts, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
                width=WIDTH,
            ),
        ],
        spacing=GAP,
        scroll=ft.ScrollMode.AUTO,
        expand=True,
    )


@ft.component
def LookCard() -> ft.Control:
    """Language and theme: at once, and kept on this device."""
    model = use_model()
    preferences = watch(model.preferences)

    async def speak(event: ft.Event[ft.RadioGroup]) -> None:
        preferences.language = event.control.value or preferences.language
        await keep(preferences)

    async def dress(event: ft.Event[ft.SegmentedButton]) -> None:
        preferences.theme = ft.ThemeMode(event.control.selected[0])
        await keep(preferences)

    themes = {
        ft.ThemeMode.SYSTEM: (ft.Icons.BRIGHTNESS_AUTO, _("As the device")),
        ft.ThemeMode.LIGHT: (ft.Icons.LIGHT_MODE, _("Light")),
        ft.ThemeMode.DARK: (ft.Icons.DARK_MODE, _("Dark")),
    }
    return card(
        section(_("Language and look")),
        ft.RadioGroup(
            ft.Row(
                [named(f"language-{code}", ft.Radio(label=own_name(code), value=code)) for code in languages()],
                wrap=True,
                spacing=16,
            ),
            value=preferences.language,
            on_change=speak,
        ),
        ft.Container(height=4),
        named(
            "theme",
            ft.SegmentedButton(
                [
                    ft.Segment(mode.value, icon=ft.Icon(icon), label=named(f"theme-{mode.value}", ft.Text(words)))
                    for mode, (icon, words) in themes.items()
                ],
                selected=[preferences.theme.value],
                show_selected_icon=False,
                on_change=dress,
            ),
        ),
    )


@ft.component
def AccountCard() -> ft.Control:
    """Who is signed in here."""
    model = use_model()
    session, company = watch(model.session), watch(model.company)
    me = session.me
    if me is None:
        return ft.Container()

    async def leave() -> None:
        await sign_out(model)

    return card(
        section(_("Account")),
        ft.Row(
            [
                ft.Icon(ft.Icons.ACCOUNT_CIRCLE_OUTLINED, size=40, color=ft.Colors.PRIMARY),
                ft.Column(
                    [
                        named("account-email", ft.Text(isolate(me.email), weight=ft.FontWeight.W_600)),
                        quiet(" · ".join(part for part in (role_words(me.role), company.name) if part)),
                    ],
                    spacing=2,
                    tight=True,
                    expand=True,
                ),
                named("sign-out", ft.OutlinedButton(_("Sign out"), icon=ft.Icons.LOGOUT, on_click=leave)),
            ]
        ),
    )


@ft.component
def AboutCard() -> ft.Control:
    """Which version this is, for whoever asks for help."""
    model = use_model()
    lines = [
        ("Sunsweep", __version__),
        (_("Server"), model.server.address),
        ("Flet", ft.version.flet_version),
        ("Python", platform.python_version()),
    ]
    return card(
        section(_("About")),
        *(
            ft.Row([ft.Container(quiet(label), width=120), ft.Text(isolate(words), selectable=True, expand=True)])
            for label, words in lines
            if words
        ),
    )
