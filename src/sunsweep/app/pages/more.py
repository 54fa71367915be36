"""What has no place of its own in a phone's bar."""

import flet as ft

from sunsweep.app.look.parts import GAP, heading, named
from sunsweep.app.model import use_model, watch
from sunsweep.app.places import ADMINS, BEHIND_MORE, Place
from sunsweep.app.signing import sign_out
from sunsweep.app.words import _

ADD_MACHINE = Place("add-machine", "/machines/new", ft.Icons.ADD, ft.Icons.ADD, lambda: _("Add a machine"), ADMINS)


@ft.component
def MorePage() -> ft.Control:
    model = use_model()
    watch(model.session)

    async def leave() -> None:
        await sign_out(model)

    def row(place: Place) -> ft.Control:
        return named(
            f"more-{place.identifier}",
            ft.ListTile(
                leading=ft.Icon(place.icon),
                title=ft.Text(place.label()),
                trailing=ft.Icon(ft.Icons.CHEVRON_RIGHT),
                on_click=lambda: model.go(place.address),
            ),
        )

    places = [row(place) for place in (ADD_MACHINE, *BEHIND_MORE) if place.for_whom(model)]
    out = named("sign-out", ft.ListTile(leading=ft.Icon(ft.Icons.LOGOUT), title=ft.Text(_("Sign out")), on_click=leave))
    return ft.Column(
        [heading(_("More")), ft.Column([*places, ft.Divider(), out], spacing=0)],
        spacing=GAP,
        scroll=ft.ScrollMode.AUTO,
        expand=True,
    )
