"""A new password."""

import flet as ft

from sunsweep.app.hooks.keeping import use_wrong
from sunsweep.app.hooks.once import use_once
from sunsweep.app.look.forms import HALF, WHOLE
from sunsweep.app.look.parts import card, named, quiet, section
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _


@ft.component
def PasswordCard() -> ft.Control:
    """The old one proves who it is; the new one is typed twice, because nobody sees it."""
    model = use_model()
    typed, set_typed = ft.use_state({"old": "", "new": "", "again": ""})
    wrong, set_wrong = use_wrong()
    round_, set_round = ft.use_state(0)

    async def change() -> None:
        if not typed["old"]:
            set_wrong({"old": _("Type your present password.")})
            return
        if typed["new"] != typed["again"]:
            set_wrong({"again": _("These two are not the same.")})
            return
        set_wrong({})
        try:
            await model.api.change_password(typed["old"], typed["new"])
        except (Refused, Away) as trouble:
            field = trouble.field if isinstance(trouble, Refused) else ""
            set_wrong({field if field in typed else "said": in_words(trouble)})
        else:
            set_typed({"old": "", "new": "", "again": ""})
            set_round(round_ + 1)
            model.say(_("Your password is changed; other devices are signed out."))

    changing = use_once(change)

    def field(name: str, label: str, hint: ft.AutofillHint) -> ft.Control:
        def take(event: ft.Event[ft.TextField]) -> None:
            typed[name] = event.control.value

        return named(
            f"password-{name}",
            ft.TextField(
                key=f"{name}-{round_}",
                label=label,
                value=typed[name],
                password=True,
                can_reveal_password=True,
                error=wrong.get(name),
                autofill_hints=[hint],
                on_change=take,
                on_submit=changing.do,
            ),
        )

    return card(
        section(_("Password")),
        quiet(_("A new password signs you out on all other devices.")),
        ft.ResponsiveRow(
            [
                ft.Container(field("old", _("Present password"), ft.AutofillHint.PASSWORD), col=WHOLE),
                ft.Container(field("new", _("New password"), ft.AutofillHint.NEW_PASSWORD), col=HALF),
                ft.Container(field("again", _("New password, once more"), ft.AutofillHint.NEW_PASSWORD), col=HALF),
            ],
            spacing=12,
            run_spacing=12,
        ),
        *([named("password-said", ft.Text(wrong["said"], color=ft.Colors.ERROR))] if "said" in wrong else []),
        ft.Row(
            [
                named(
                    "password-change",
                    ft.FilledTonalButton(_("Change password"), on_click=changing.do, disabled=changing.is_under_way),
                )
            ],
            alignment=ft.MainAxisAlignment.END,
        ),
    )
