"""What a machine measured and did, over a span of time."""

import flet as ft

from sunsweep.app.look.parts import section
from sunsweep.app.words import _


@ft.component
def History(machine_id: str) -> ft.Control:  # noqa: ARG001
    return section(_("History"))
