"""An address that leads nowhere."""

import flet as ft

from sunsweep.app.look.parts import empty, named
from sunsweep.app.model import use_model
from sunsweep.app.words import _


@ft.component
def MissingPage() -> ft.Control:
    model = use_model()
    home = named("go-home", ft.FilledButton(_("To the fleet"), on_click=lambda: model.go("/")))
    return empty(
        ft.Icons.EXPLORE_OFF_OUTLINED, _("There is no such page"), _("The address may be old or mistyped."), home
    )
