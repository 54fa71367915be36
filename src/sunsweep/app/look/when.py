"""When something was."""

from datetime import datetime

import flet as ft

from sunsweep.app.figures.ages import heard
from sunsweep.app.figures.times import instant, instant_of, moment
from sunsweep.app.hooks.watching import use_now_ms
from sunsweep.app.model import Model


@ft.component
def When(at: datetime) -> ft.Control:
    """In words that follow the time."""
    return ft.Text(heard(at, instant_of(use_now_ms())), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True)


def told(model: Model, at: str, *, seconds: bool = False) -> str:
    """As a moment, of an RFC 3339 instant of the API: for what is read long after, and never changes."""
    return moment(instant(at), instant_of(model.server.clock.now_ms()), seconds=seconds)
