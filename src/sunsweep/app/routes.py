"""Which address shows which page. The addresses are for keeping: people send them to each other."""

from collections.abc import Callable
from typing import Any

import flet as ft

from sunsweep.app.gate import Gate
from sunsweep.app.pages.audit.page import AuditPage
from sunsweep.app.pages.commands.history import CommandsPage
from sunsweep.app.pages.commands.new import NewPage
from sunsweep.app.pages.commands.run import RunPage
from sunsweep.app.pages.commands.runs import RunsPage
from sunsweep.app.pages.companies import CompaniesPage
from sunsweep.app.pages.dead_letters.page import DeadLettersPage
from sunsweep.app.pages.fleet import FleetPage
from sunsweep.app.pages.machine.page import MachinePage
from sunsweep.app.pages.missing import MissingPage
from sunsweep.app.pages.more import MorePage
from sunsweep.app.pages.onboarding.new import NewMachinePage
from sunsweep.app.pages.onboarding.welcome import WelcomePage
from sunsweep.app.pages.people.page import PeoplePage
from sunsweep.app.pages.reset import ResetPage
from sunsweep.app.pages.settings.page import SettingsPage
from sunsweep.app.shell import Shell

Page = Callable[[], Any]


def _page(path: str, component: Page) -> ft.Route:
    return ft.Route(path=path, component=component)


_SIGNED_IN = [
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
            _page("dead-letters", DeadLettersPage),
            _page("people", PeoplePage),
            _page("companies", CompaniesPage),
            _page("audit", AuditPage),
            _page("settings", SettingsPage),
            _page("more", MorePage),
            _page("machines/:machine_id", MachinePage),
            ft.Route(path=":rest*", component=MissingPage),
        ],
    ),
]
ROUTES = [
    # Of a mailed link: for people who cannot sign in.
    _page("reset", ResetPage),
    ft.Route(component=Gate, outlet=True, children=_SIGNED_IN),
]


@ft.component
def Pages() -> ft.Control:
    """The page of the present address, in its frame."""
    return ft.Router(ROUTES, not_found=MissingPage)
