"""The machine's page: its head with the stop, and below it one part at a time, as the address says."""

import flet as ft

from sunsweep.app.addresses import asked, asking
from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.look.parts import GAP, empty, loading, named
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.pages.machine.banner import HoldBanner
from sunsweep.app.pages.machine.commands import CommandsPart
from sunsweep.app.pages.machine.head import Head
from sunsweep.app.pages.machine.history import History
from sunsweep.app.pages.machine.ledger import LedgerPart
from sunsweep.app.pages.machine.setup import SetupPart
from sunsweep.app.pages.machine.stopping import StopActs
from sunsweep.app.pages.machine.tabs import TAB_WORDS, Tab, tab_of, tabs
from sunsweep.app.pages.machine.tiles import Tiles
from sunsweep.app.pages.machine.watched import Watched, use_lasting
from sunsweep.app.words import _, isolate

COMMANDS_PX = 346
LONGEST_SERIAL = 64


@ft.component
def MachinePage() -> ft.Control:
    machine_id = ft.use_route_params().get("machine_id", "")
    tab = tab_of(asked(use_model().page.route or "", "tab"))
    # Another machine is another page: nothing of the one before stays.
    return ft.Container(Machine(machine_id, tab), key=machine_id, expand=True)


@ft.component
def Machine(machine_id: str, tab: Tab) -> ft.Control:
    model = use_model()
    window, session = watch(model.window), watch(model.session)
    watched = use_made(lambda: Watched(model, machine_id))
    is_missing, is_known = use_lasting(watched, lambda: (watched.is_missing, watched.machine.is_known))
    ft.use_effect(watched.open, [], watched.close)
    if is_missing:
        return _missing(machine_id)
    if not is_known:
        return loading()
    is_phone = window.width is Width.PHONE
    page = ft.Column(
        [Head(watched), HoldBanner(watched), TabBar(tab), _part(watched, tab, window.width)],
        spacing=GAP,
        expand=True,
        scroll=ft.ScrollMode.AUTO,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    if is_phone and session.may_command:
        return ft.Column([page, ft.Row([StopActs(watched)])], spacing=8, expand=True)
    return page


@ft.component
def TabBar(tab: Tab) -> ft.Control:
    model = use_model()
    window = watch(model.window)
    is_phone = window.width is Width.PHONE
    shown = tabs(is_wide=window.width is Width.WIDE)
    chosen = tab if tab in shown else Tab.LIVE

    def to(event: ft.Event[ft.SegmentedButton]) -> None:
        wanted = tab_of(event.control.selected[0])
        model.go(asking(model.page.route or "", tab="" if wanted is Tab.LIVE else wanted))

    return ft.Row(
        [
            ft.SegmentedButton(
                segments=[
                    ft.Segment(
                        one,
                        label=named(f"tab-{one}", ft.Text(TAB_WORDS[one](), size=12 if is_phone else 14, no_wrap=True)),
                    )
                    for one in shown
                ],
                selected=[chosen],
                show_selected_icon=False,
                style=ft.ButtonStyle(padding=ft.Padding.symmetric(horizontal=6 if is_phone else 14)),
                on_change=to,
            )
        ],
        scroll=ft.ScrollMode.HIDDEN,
    )


def _part(watched: Watched, tab: Tab, width: Width) -> ft.Control:
    if tab is Tab.LEDGER:
        return LedgerPart(watched.machine_id)
    if tab is Tab.SETUP:
        return SetupPart(watched.machine_id)
    if width is Width.WIDE:
        return _overview(watched)
    if tab is Tab.HISTORY:
        return History(watched.machine_id)
    if tab is Tab.COMMANDS:
        return CommandsPart(watched)
    return Tiles(watched)


def _overview(watched: Watched) -> ft.Control:
    """There is room for all that changes: the values and their history, and beside them the commands."""
    return ft.Row(
        [
            ft.Column([Tiles(watched), History(watched.machine_id)], spacing=GAP, expand=True, tight=True),
            ft.Container(CommandsPart(watched), width=COMMANDS_PX),
        ],
        spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def short(machine_id: str) -> str:
    """An address may hold anything: no more of it than a serial number can have."""
    return machine_id if len(machine_id) <= LONGEST_SERIAL else machine_id[:LONGEST_SERIAL] + "…"


def _missing(machine_id: str) -> ft.Control:
    model = use_model()
    return named(
        "machine-missing",
        empty(
            ft.Icons.SEARCH_OFF,
            _("There is no machine {machine}").format(machine=isolate(short(machine_id))),
            _("It may have been removed, or belong to another company. Serial numbers are written in one way only."),
            named("go-home", ft.FilledButton(_("To the fleet"), on_click=lambda: model.go("/"))),
        ),
    )
