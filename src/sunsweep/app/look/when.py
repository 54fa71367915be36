"""When something was, in words that follow the time."""

from datetime import UTC, datetime

import flet as ft

from sunsweep.app.figures.ages import heard
from sunsweep.app.figures.times import instant, moment
from sunsweep.app.hooks.watching import use_now_ms
from sunsweep.app.model import Model


@ft.component
def When(at: str) -> ft.Control:
    """Of an RFC 3339 instant of the API."""
    now = datetime.fromtimestamp(use_now_ms() / 1000, UTC)
    return ft.Text(heard(instant(at), now), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True)


def told(model: Model, at: str, *, seconds: bool = False) -> str:
    """The same as a moment: for what is read long after, and never changes."""
    now = datetime.fromtimestamp(model.server.clock.now_ms() / 1000, UTC)
    return moment(instant(at), now, seconds=seconds)
