"""Which of a machine's messages are here, and which are not."""

import flet as ft

from sunsweep.app.look.parts import section
from sunsweep.app.words import _


@ft.component
def LedgerPart(machine_id: str) -> ft.Control:  # noqa: ARG001
    return section(_("Ledger"))
