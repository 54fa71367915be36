"""Components that follow what is live: each only what it shows."""

from collections.abc import Callable

import flet as ft

from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.live.fleet import Change, Fleet
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.model import use_model, watch


def use_changes(fleet: Fleet, concerns: Callable[[Change], bool]) -> None:
    """Draw the component again with each change of the fleet that concerns it."""
    redraw = use_redraw()
    held = use_made(_Held)
    held.concerns = concerns

    def told(change: Change) -> None:
        if held.concerns(change):
            redraw()

    def begin() -> None:
        held.end = fleet.listen(told)

    def end() -> None:
        held.end()

    ft.use_effect(begin, [id(fleet)], end)


def use_machine_list() -> None:
    """Draw again when machines come or go, and once their rows are here: frames bring serial numbers only."""
    model = use_model()
    was_complete = model.feeding.is_complete
    use_changes(model.fleet, lambda change: change.order or not was_complete)


class _Held:
    """A component's listening, over its drawings."""

    def __init__(self) -> None:
        self.concerns: Callable[[Change], bool] = lambda _change: False
        self.end: Callable[[], None] = lambda: None


def use_machine(machine_id: str) -> MachineNow | None:
    """A machine of the fleet; the component follows it, and nothing else."""
    fleet = use_model().fleet
    use_changes(fleet, lambda change: machine_id in change.machine_ids)
    return fleet.machines.get(machine_id)


def use_now_ms() -> int:
    """The server's time, in steps of `feeding.TICK_S`."""
    model = use_model()
    watch(model.feeding.ticks)
    return model.server.clock.now_ms()


def use_is_dark() -> bool:
    """Whether the page is drawn dark, for the colours of `look.tones`; the rest follows the theme by itself."""
    model = use_model()
    chosen, window = watch(model.preferences).theme, watch(model.window)
    if chosen is not ft.ThemeMode.SYSTEM:
        return chosen is ft.ThemeMode.DARK
    return window.is_dark
