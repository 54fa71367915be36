"""A new machine's arrival: what to type on it, shown once, and what has come of it so far."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import flet as ft

from sunsweep.app.figures import units
from sunsweep.app.figures.numbers import NONE
from sunsweep.app.figures.times import clock
from sunsweep.app.hooks.keeping import use_maybe
from sunsweep.app.hooks.tasks import use_running
from sunsweep.app.hooks.watching import use_machine, use_now_ms
from sunsweep.app.live.readings import number
from sunsweep.app.look.asking import question
from sunsweep.app.look.copying import Copyable
from sunsweep.app.look.parts import GAP, card, empty, figure, heading, named, quiet, section
from sunsweep.app.look.statuses import status_words
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.net.server_clock import read_ms
from sunsweep.app.one_time import OneTime
from sunsweep.app.pages.onboarding.checklist import Arrival, Mark, Step, arrivals, is_alive
from sunsweep.app.pages.onboarding.qr import svg
from sunsweep.app.trouble import in_words
from sunsweep.app.words import N_, _, gettext, isolate, ngettext

LOOK_EVERY_S: Final = 2.0
"""How often it is asked whether the code was spent; the rest comes by itself."""
QR_SIDE: Final = 196
SHORT_MS: Final = 10 * 60_000
"""From here on what is left of a code's life is said in amber."""

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
def WelcomePage() -> ft.Control:
    """One page until the machine is alive."""
    model = use_model()
    window = watch(model.window)
    machine_id = ft.use_route_params().get("machine_id", "")
    if not model.session.may_administer:
        return empty(
            ft.Icons.LOCK_OUTLINE,
            _("Machines are enrolled by an admin"),
            _("Ask an admin of your company for a code."),
            named("go-home", ft.FilledButton(_("To the fleet"), on_click=lambda: model.go("/"))),
        )
    shown, set_shown = ft.use_state(model.one_time.get(machine_id))

    def keep(once: OneTime) -> None:
        model.one_time[machine_id] = once
        set_shown(once)

    typing = ft.Column(
        [CodeCard(machine_id, shown, keep), LoginCard(machine_id, shown, keep)],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    watching = ArrivalCard(machine_id, 0 if shown is None else shown.since_ms)
    if window.width is Width.WIDE:
        body: ft.Control = ft.Row(
            [ft.Container(typing, expand=3), ft.Container(watching, expand=2)],
            spacing=GAP,
            vertical_alignment=ft.CrossAxisAlignment.START,
        )
    else:
        body = ft.Column(
            [typing, watching],
            spacing=GAP,
            tight=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
    return ft.Column(
        [heading(_("Bring {machine} to life").format(machine=isolate(machine_id))), body],
        spacing=GAP,
        scroll=ft.ScrollMode.AUTO,
        expand=True,
    )


@ft.component
def CodeCard(machine_id: str, shown: OneTime | None, keep: Callable[[OneTime], None]) -> ft.Control:
    """For a machine with our program: one code, one command."""
    model = use_model()
    window = watch(model.window)
    said, set_said = ft.use_state("")

    async def renew() -> None:
        set_said("")
        try:
            issued = await model.api.enrolment_code(machine_id)
        except (Refused, Away) as trouble:
            set_said(in_words(trouble))
            return
        keep((shown or OneTime(model.server.clock.now_ms())).with_code(issued))

    title = section(_("On its computer, with the Sunsweep program"))
    is_shown = shown is not None and bool(shown.code)
    button = ft.OutlinedButton if is_shown else ft.FilledButton
    words = _("Make a new code") if is_shown else _("Make a code")
    another = named("new-code", button(words, icon=ft.Icons.KEY, on_click=renew))
    failure = [named("code-said", ft.Text(said, color=ft.Colors.ERROR))] if said else []
    if shown is None or not shown.code:
        return card(
            title,
            quiet(_("A code enrols the machine. It is shown once, and a new one ends the older.")),
            *failure,
            ft.Row([another]),
        )
    picture = named(
        "code-qr",
        ft.Container(ft.Image(svg(shown.code), width=QR_SIDE, height=QR_SIDE), bgcolor="#FFFFFF", border_radius=8),
        label=_("The code as a QR code"),
    )
    enrol = (
        "cd /var/lib/sunsweep-machine && sudo -u sunsweep /opt/sunsweep/bin/sunsweep-machine enroll"
        f" --server {model.server.address} --code {shown.code}"
        " --config /etc/sunsweep/machine.toml --state-dir /var/lib/sunsweep-machine"
    )
    beside = ft.Column(
        [
            Copyable("code", _("Its code, shown this once"), shown.code, size=18),
            CodeLife(shown.code_expires_ms),
            *failure,
            ft.Row([another]),
        ],
        spacing=GAP / 2,
        tight=True,
        expand=window.width is not Width.PHONE,
    )
    return card(
        title,
        ft.Column([picture, beside], horizontal_alignment=ft.CrossAxisAlignment.CENTER, spacing=GAP)
        if window.width is Width.PHONE
        else ft.Row([picture, beside], spacing=GAP, vertical_alignment=ft.CrossAxisAlignment.START),
        Copyable("enrol-command", _("Enrol it, in its terminal"), enrol),
        Copyable("start-command", _("Then start its program"), "sudo systemctl enable --now sunsweep-machine"),
    )


@ft.component
def CodeLife(expires_ms: int) -> ft.Control:
    """How long the code is still good."""
    left_ms = expires_ms - use_now_ms()
    if left_ms <= 0:
        return named(
            "code-life",
            ft.Text(_("This code has run out. Make a new one."), color=ft.Colors.ERROR, weight=ft.FontWeight.W_600),
        )
    minutes = int(left_ms // 60_000)
    words = (
        ngettext("Good for another {n} minute", "Good for another {n} minutes", minutes).format(n=minutes)
        if minutes
        else _("Good for less than a minute")
    )
    until = _("{words}, until {time}").format(words=words, time=_clock(expires_ms))
    color = ft.Colors.SECONDARY if left_ms < SHORT_MS else ft.Colors.ON_SURFACE_VARIANT
    return named("code-life", ft.Text(until, color=color))


@ft.component
def LoginCard(machine_id: str, shown: OneTime | None, keep: Callable[[OneTime], None]) -> ft.Control:
    """For a machine with a program of its own: MQTT, and nothing else."""
    model = use_model()
    is_asking, set_asking = ft.use_state(False)
    said, set_said = ft.use_state("")

    async def rotate() -> None:
        set_said("")
        try:
            login = await model.api.rotate_credentials(machine_id)
        except (Refused, Away) as trouble:
            set_said(in_words(trouble))
            return
        set_asking(False)
        keep((shown or OneTime(model.server.clock.now_ms())).with_login(login))

    ft.use_dialog(
        question(
            "new-login",
            _("Make a new MQTT login for {machine}?").format(machine=isolate(machine_id)),
            _("Its present login ends when the new one first connects, or after a day."),
            yes=_("Make a new login"),
            no=_("Keep the present one"),
            on_yes=rotate,
            on_no=lambda: set_asking(False),
            said=said,
        )
        if is_asking
        else None
    )
    title = section(_("Or with a program of your own, over MQTT"))
    if shown is None or not shown.mqtt_password:
        return card(
            title,
            quiet(_("Its login is shown once, when it is made.")),
            ft.Row(
                [
                    named(
                        "new-login",
                        ft.OutlinedButton(
                            _("Make a new login"), icon=ft.Icons.PASSWORD, on_click=lambda: set_asking(True)
                        ),
                    )
                ]
            ),
        )
    topic = f"company/{shown.company_id}/machine/{machine_id}"
    return card(
        title,
        *(
            Copyable(f"broker-{index}", "" if index else _("Its broker"), url)
            for index, url in enumerate(shown.brokers)
        ),
        Copyable("mqtt-username", _("User name"), shown.mqtt_username),
        Copyable("mqtt-password", _("Password, shown this once"), shown.mqtt_password),
        Copyable("topic-telemetry", _("It publishes its measurements to"), f"{topic}/telemetry"),
        Copyable("topic-status", _("It publishes its status to"), f"{topic}/status"),
        Copyable("topic-command", _("It hears its commands on"), f"{topic}/command"),
    )


@ft.component
def ArrivalCard(machine_id: str, since_ms: int) -> ft.Control:
    """The list that turns green by itself."""
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
    at = _clock(one.at_ms, seconds=True) if one.at_ms else ""
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
                    from_=datetime.fromtimestamp(since_ms / 1000, UTC).isoformat(),
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


def _clock(at_ms: int, *, seconds: bool = False) -> str:
    return clock(datetime.fromtimestamp(at_ms / 1000, UTC), seconds=seconds)
