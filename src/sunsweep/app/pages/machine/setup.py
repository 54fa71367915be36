"""How a machine is set up."""

import flet as ft

from sunsweep.app.look.parts import section
from sunsweep.app.words import _


@ft.component
def SetupPart(machine_id: str) -> ft.Control:  # noqa: ARG001
    return section(_("Setup"))
