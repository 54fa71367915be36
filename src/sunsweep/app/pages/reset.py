"""A new password, by a link that was mailed or handed over."""

import flet as ft

from sunsweep.app.addresses import asked
from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.look.parts import card, named, quiet
from sunsweep.app.model import use_model
from sunsweep.app.words import _

MIN_CHARS = 12
"""The server's own rule, said before it has to refuse."""


@ft.component
def ResetPage() -> ft.Control:
    model = use_model()
    token = asked(model.page.route or "", "token")
    typed, _set_typed = ft.use_state({"new": "", "again": ""})
    differ, set_differ = ft.use_state(False)
    is_set, set_set = ft.use_state(False)
    acting = use_acting()

    async def confirm() -> None:
        set_differ(typed["new"] != typed["again"])
        if typed["new"] != typed["again"] or acting.is_busy:
            return
        await acting.do(_confirmed)

    async def _confirmed() -> None:
        await model.api.confirm_reset(token, typed["new"])
        set_set(True)

    def field(name: str, label: str, error: str) -> ft.Control:
        def take(event: ft.Event[ft.TextField]) -> None:
            typed[name] = event.control.value or ""

        return named(
            f"reset-{name}",
            ft.TextField(
                label=label,
                value=typed[name],
                width=400,
                password=True,
                can_reveal_password=True,
                error=error or None,
                autofocus=name == "new",
                autofill_hints=[ft.AutofillHint.NEW_PASSWORD],
                on_change=take,
                on_submit=confirm,
            ),
        )

    about_password = acting.said if acting.field == "password" else ""
    form: list[ft.Control] = [
        quiet(
            _("At least {count} characters. All devices that are signed in with the old one are signed out.").format(
                count=MIN_CHARS
            )
        ),
        field("new", _("New password"), about_password),
        field("again", _("New password, once more"), _("These two are not the same.") if differ else ""),
        *(
            [named("reset-said", ft.Text(acting.said, color=ft.Colors.ERROR))]
            if acting.said and not about_password
            else []
        ),
        named(
            "reset-go",
            ft.FilledButton(_("Set the password"), on_click=confirm, disabled=acting.is_busy, width=400, height=44),
        ),
    ]
    way_on = named("reset-sign-in", ft.FilledButton(_("Sign in"), on_click=lambda: model.go("/"), width=400, height=44))
    done: list[ft.Control] = [named("reset-done", ft.Text(_("Your new password is set."))), way_on]
    no_link: list[ft.Control] = [
        quiet(_("This address lacks its key. Open the link of the mail once more, the whole of it.")),
        way_on,
    ]
    return ft.Container(
        alignment=ft.Alignment.CENTER,
        expand=True,
        content=ft.Container(
            width=400,
            content=card(
                ft.Row(
                    [
                        ft.Icon(ft.Icons.SOLAR_POWER, color=ft.Colors.PRIMARY, size=32),
                        ft.Text(
                            _("A new password"),
                            theme_style=ft.TextThemeStyle.HEADLINE_SMALL,
                            weight=ft.FontWeight.W_500,
                        ),
                    ]
                ),
                *(done if is_set else form if token else no_link),
                padding=28,
            ),
        ),
    )
