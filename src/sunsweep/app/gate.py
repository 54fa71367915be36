"""What stands before all pages of a company: signed out it is the login. The address stays either way."""

import flet as ft

from sunsweep.app.model import use_model, watch
from sunsweep.app.pages.login import LoginPage


@ft.component
def Gate() -> ft.Control:
    session = watch(use_model().session)
    outlet = ft.use_route_outlet()
    if session.me is not None:
        return outlet
    content = LoginPage() if session.asked else ft.ProgressRing()
    return ft.Container(content, alignment=ft.Alignment.CENTER, expand=True)
