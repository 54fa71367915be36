"""What has come of a new machine so far: the list that turns green by itself."""

import asyncio
from typing import Final

import flet as ft

from sunsweep.app.figures import units
from sunsweep.app.figures.numbers import NONE
from sunsweep.app.figures.times import clock, instant_of
from sunsweep.app.hooks.keeping import use_maybe
from sunsweep.app.hooks.tasks import use_running
from sunsweep.app.hooks.watching import use_machine
from sunsweep.app.live.readings import number
from sunsweep.app.look.parts import card, figure, named, quiet, section
from sunsweep.app.look.statuses import status_words
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.server_clock import read_ms
from sunsweep.app.pages.onboarding.checklist import Arrival, Mark, Step, arrivals, is_alive
from sunsweep.app.words import N_, _, gettext

LOOK_EVERY_S: Final = 2.0
"""How often it is asked whether the code was spent; the rest comes by itself."""

_WAITED: Final = {
    Step.ENROLLED: N_("Waiting for the code to be used"),
    Step.CONNECTED: N_("Waiting for it to connect"),
    Step.STATUS: N_("Waiting for its first status"),
    Step.MEASUREMENT: N_("Waiting for its first measurement"),
}
_DONE: Final = {
    Step.ENROLLED: N_("Enrolled"),
    Step.CONNECTED: N_("Connected"),
    Step.STATUS: N_("First status"),
    Step.MEASUREMENT: N_("First measurement"),
}
_SKIPPED: Final = N_("No code was needed: it has a login of its own")


@ft.component
def ArrivalCard(machine_id: str, since_ms: int) -> ft.Control:
    """From now on, and its first values."""
    model = use_model()
    machine = use_machine(machine_id)
    enrolled_ms = _use_enrolled_ms(machine_id, since_ms)
    arrived = arrivals(machine, enrolled_ms=enrolled_ms, since_ms=since_ms)
    alive = is_alive(arrived)
    sample = machine.sample if machine is not None and arrived[-1].mark is Mark.DONE else {}
    status = machine.status if machine is not None and arrived[-2].mark is Mark.DONE else None
    values = [
        ("status", _("Status"), status_words(status) if status else NONE),
        ("battery", _("Battery"), units.battery(number(sample, "battery"))),
        ("solar", _("Solar"), units.solar_power(number(sample, "solar_v"), number(sample, "solar_a"))),
        ("water", _("Water"), units.water(number(sample, "water"))),
    ]
    go = ft.FilledButton if alive else ft.OutlinedButton
    return card(
        section(_("It is alive") if alive else _("What has come of it")),
        *(_step(one) for one in arrived),
        ft.Divider(),
        *(
            ft.Row([quiet(label), named(f"value-{name}", figure(words))], alignment=ft.MainAxisAlignment.SPACE_BETWEEN)
            for name, label, words in values
        ),
        ft.Container(height=4),
        named(
            "open-machine",
            go(_("Open its page"), icon=ft.Icons.ARROW_FORWARD, on_click=lambda: model.go(f"/machines/{machine_id}")),
        ),
    )


def _step(one: Arrival) -> ft.Control:
    is_done = one.mark is not Mark.WAITING
    words = {
        Mark.WAITING: gettext(_WAITED[one.step]),
        Mark.DONE: gettext(_DONE[one.step]),
        Mark.SKIPPED: gettext(_SKIPPED),
    }[one.mark]
    icon: ft.Control = (
        ft.Icon(ft.Icons.CHECK_CIRCLE, color=ft.Colors.PRIMARY)
        if is_done
        else ft.Container(ft.ProgressRing(width=16, height=16, stroke_width=2), width=24, height=24, padding=4)
    )
    at = clock(instant_of(one.at_ms), seconds=True) if one.at_ms else ""
    return ft.Semantics(
        identifier=f"step-{one.step}",
        # A node of its own, whatever stands in it.
        container=True,
        exclude_semantics=True,
        label=f"{words} {at}".strip(),
        content=ft.Row(
            [icon, ft.Text(words, expand=True, weight=ft.FontWeight.W_600 if is_done else None), figure(at)],
            height=32,
        ),
    )


def _use_enrolled_ms(machine_id: str, since_ms: int) -> int | None:
    """When a code of the machine was spent after `since_ms`; the audit log knows."""
    model = use_model()
    found_ms, set_found = use_maybe(int)

    async def look() -> None:
        while True:
            try:
                page = await model.api.audit(
                    action="machine.enrol",
                    object=f"machine {machine_id}",
                    outcome="done",
                    from_=instant_of(since_ms).isoformat(),
                    limit=1,
                )
            except (Refused, Away):
                page = None
            if page is not None and page.items:
                set_found(read_ms(page.items[0]["at"]))
                return
            await asyncio.sleep(LOOK_EVERY_S)

    use_running(look, [machine_id, since_ms])
    return found_ms
