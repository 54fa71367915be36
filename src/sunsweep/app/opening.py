"""An open page of the app: its way to the server, what was chosen before, and whether somebody is signed in."""

import os
from contextlib import AsyncExitStack

import flet as ft

from sunsweep.app.feeding import Feeding
from sunsweep.app.model import Model
from sunsweep.app.net.server import server
from sunsweep.app.preferences import kept_preferences
from sunsweep.app.signing import look_who, session_ended

SERVER_VARIABLE = "SUNSWEEP_SERVER"
"""Which server a window of its own talks to; a page in the browser has its own."""
AT_HOME = "http://127.0.0.1:8000"


async def open_model(page: ft.Page) -> Model:
    """The model of a page; it asks the server by itself whether somebody is signed in."""
    stack = AsyncExitStack()
    found = await stack.enter_async_context(server(os.environ.get(SERVER_VARIABLE, AT_HOME)))
    model = Model(page, found, Feeding(page, found), preferences=await kept_preferences())

    def ended() -> None:
        page.run_task(session_ended, model)

    found.api.session.on_signed_out = ended

    async def leave(_event: ft.Event[ft.Page]) -> None:
        model.feeding.close()
        await stack.aclose()

    page.on_close = leave
    page.run_task(look_who, model)
    return model
