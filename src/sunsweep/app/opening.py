"""An open page of the app: its way to the server, what was chosen before, and whether somebody is signed in."""

import os
from typing import Final

import flet as ft

from sunsweep.app.feeding import Feeding
from sunsweep.app.model import Model
from sunsweep.app.preferences import keep, kept_preferences
from sunsweep.app.reaching import Way, listen, reach
from sunsweep.app.signing import look_who

SERVER_VARIABLE: Final = "SUNSWEEP_SERVER"
"""Which server a window of its own talks to at first; a page in the browser has its own."""
AT_HOME: Final = "http://127.0.0.1:8000"


async def open_model(page: ft.Page) -> Model:
    """The model of a page; it asks the server by itself whether somebody is signed in."""
    preferences = await kept_preferences()
    way = Way()
    found = await way.to(os.environ.get(SERVER_VARIABLE) or preferences.server or AT_HOME)
    model = Model(page, found, Feeding(page, found), preferences=preferences)
    listen(model)

    async def change(address: str) -> None:
        await reach(model, way, address)
        preferences.server = address
        await keep(preferences)

    async def leave(_event: ft.Event[ft.Page]) -> None:
        model.feeding.close()
        await way.close()

    model.reach = change
    page.on_close = leave
    page.run_task(look_who, model)
    return model
