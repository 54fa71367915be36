"""The fleet."""

import flet as ft

from sunsweep.app.look.parts import heading
from sunsweep.app.look.states import LOOKS
from sunsweep.app.model import use_model
from sunsweep.app.watching import use_changes, use_machine
from sunsweep.app.words import _


@ft.component
def FleetPage() -> ft.Control:
    fleet = use_model().fleet
    use_changes(fleet, lambda change: change.order)
    return ft.Column([heading(_("Fleet")), *(Row(machine_id) for machine_id in fleet.order[:50])])


@ft.component
def Row(machine_id: str) -> ft.Control:
    fleet = use_model().fleet
    machine = use_machine(machine_id)
    found = fleet.attention.get(machine_id)
    if machine is None or found is None:
        return ft.Container()
    return ft.Text(f"{machine.name} {LOOKS[found.state].words} {machine.sample.get('battery')}")
