"""The machine's page: its head with the stop, and below it one part at a time, as the address says."""

import flet as ft

from sunsweep.app.addresses import asked, asking
from sunsweep.app.look.parts import GAP, heading, named
from sunsweep.app.model import use_model
from sunsweep.app.pages.machine.history import History
from sunsweep.app.pages.machine.ledger import LedgerPart
from sunsweep.app.pages.machine.setup import SetupPart
from sunsweep.app.pages.machine.tabs import TAB_WORDS, Tab, tab_of


@ft.component
def MachinePage() -> ft.Control:
    machine_id = ft.use_route_params().get("machine_id", "")
    tab = tab_of(asked(use_model().page.route or "", "tab"))
    # Another machine is another page: nothing of the one before stays.
    return ft.Container(Machine(machine_id, tab), key=machine_id, expand=True)


@ft.component
def Machine(machine_id: str, tab: Tab) -> ft.Control:
    return ft.Column(
        [heading(machine_id), TabBar(tab), _part(machine_id, tab)],
        spacing=GAP,
        expand=True,
        scroll=ft.ScrollMode.AUTO,
    )


@ft.component
def TabBar(tab: Tab) -> ft.Control:
    model = use_model()

    def to(chosen: Tab) -> None:
        model.go(asking(model.page.route or "", tab="" if chosen is Tab.LIVE else chosen))

    return ft.Row(
        [
            named(
                f"tab-{one}",
                ft.TextButton(words(), disabled=one is tab, on_click=lambda chosen=one: to(chosen)),
            )
            for one, words in TAB_WORDS.items()
        ],
        scroll=ft.ScrollMode.AUTO,
    )


def _part(machine_id: str, tab: Tab) -> ft.Control:
    if tab is Tab.HISTORY:
        return History(machine_id)
    if tab is Tab.LEDGER:
        return LedgerPart(machine_id)
    if tab is Tab.SETUP:
        return SetupPart(machine_id)
    return ft.Container()
