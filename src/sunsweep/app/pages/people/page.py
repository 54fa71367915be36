"""The people of the company that is looked at, and the keys of its programs."""

import flet as ft

from sunsweep.app.look.lists import admins_only
from sunsweep.app.look.parts import named
from sunsweep.app.model import use_model, watch
from sunsweep.app.pages.people.keys import Keys
from sunsweep.app.pages.people.users import Users


@ft.component
def PeoplePage() -> ft.Control:
    session = watch(use_model().session)
    if not session.may_administer:
        return admins_only()
    parts: list[ft.Control] = [Users(), ft.Container(height=8), Keys()]
    return named("page-people", ft.Column(parts, spacing=12, expand=True, scroll=ft.ScrollMode.AUTO))
