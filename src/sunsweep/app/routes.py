"""Which address shows which page. The addresses are for keeping: people send them to each other."""

from collections.abc import Callable
from typing import Any

import flet as ft

from sunsweep.app.pages.commands.history import CommandsPage
from sunsweep.app.pages.commands.new import NewPage
from sunsweep.app.pages.commands.run import RunPage
from sunsweep.app.pages.commands.runs import RunsPage
from sunsweep.app.pages.fleet import FleetPage
from sunsweep.app.pages.machine.page import MachinePage
from sunsweep.app.pages.missing import MissingPage
from sunsweep.app.pages.more import MorePage
from sunsweep.app.pages.onboarding.new import NewMachinePage
from sunsweep.app.pages.onboarding.welcome import WelcomePage
from sunsweep.app.pages.settings.page import SettingsPage
from sunsweep.app.shell import Shell

Page = Callable[[], Any]


def _page(path: str, component: Page) -> ft.Route:
    return ft.Route(path=path, component=component)


ROUTES = [
    ft.Route(
        component=Shell,
        outlet=True,
        children=[
            ft.Route(index=True, component=FleetPage),
            _page("commands", CommandsPage),
            _page("commands/new", NewPage),
            _page("commands/runs", RunsPage),
            _page("commands/runs/:run_id", RunPage),
            _page("machines/new", NewMachinePage),
            _page("machines/:machine_id/welcome", WelcomePage),
            _page("settings", SettingsPage),
            _page("more", MorePage),
            _page("machines/:machine_id", MachinePage),
            ft.Route(path=":rest*", component=MissingPage),
        ],
    ),
]


@ft.component
def Pages() -> ft.Control:
    """The page of the present address, in its frame."""
    return ft.Router(ROUTES, not_found=MissingPage)
