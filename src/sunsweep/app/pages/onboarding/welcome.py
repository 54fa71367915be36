"""A new machine's arrival: what to type on it, shown once, and what has come of it so far."""

from collections.abc import Callable
from typing import Final

import flet as ft

from sunsweep.app.figures.times import clock, instant_of
from sunsweep.app.hooks.acting import use_acting
from sunsweep.app.hooks.watching import use_now_ms
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.copying import Copyable
from sunsweep.app.look.parts import GAP, card, empty, error_line, heading, named, quiet, section
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.one_time import OneTime
from sunsweep.app.pages.onboarding.arrival import ArrivalCard
from sunsweep.app.pages.onboarding.qr import svg
from sunsweep.app.words import _, isolate, ngettext
from sunsweep.contract.topics import Channel, MachineTopic

QR_SIDE: Final = 196
SHORT_MS: Final = 10 * 60_000
"""From here on what is left of a code's life is said in amber."""


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
    acting = use_acting()

    async def renew() -> None:
        issued = await acting.do(lambda: model.api.enrolment_code(machine_id))
        if issued is not None:
            keep((shown or OneTime(model.server.clock.now_ms())).with_code(issued))

    title = section(_("On its computer, with the Sunsweep program"))
    is_shown = shown is not None and bool(shown.code)
    button = ft.OutlinedButton if is_shown else ft.FilledButton
    words = _("Make a new code") if is_shown else _("Make a code")
    another = named("new-code", button(words, icon=ft.Icons.KEY, on_click=renew, disabled=acting.is_busy))
    failure = error_line("code-said", acting.said)
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
    until = _("{words}, until {time}").format(words=words, time=clock(instant_of(expires_ms)))
    color = ft.Colors.SECONDARY if left_ms < SHORT_MS else ft.Colors.ON_SURFACE_VARIANT
    return named("code-life", ft.Text(until, color=color))


@ft.component
def LoginCard(machine_id: str, shown: OneTime | None, keep: Callable[[OneTime], None]) -> ft.Control:
    """For a machine with a program of its own: MQTT, and nothing else."""
    model = use_model()
    ask = use_question()

    async def rotate() -> None:
        login = await model.api.rotate_credentials(machine_id)
        keep((shown or OneTime(model.server.clock.now_ms())).with_login(login))

    rotating = Act(
        "new-login",
        _("Make a new MQTT login for {machine}?").format(machine=isolate(machine_id)),
        _("Its present login ends when the new one first connects, or after a day."),
        _("Make a new login"),
        _("Keep the present one"),
        rotate,
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
                            _("Make a new login"), icon=ft.Icons.PASSWORD, on_click=lambda: ask(rotating)
                        ),
                    )
                ]
            ),
        )
    telemetry, status, command = (
        str(MachineTopic(shown.company_id, machine_id, channel))
        for channel in (Channel.TELEMETRY, Channel.STATUS, Channel.COMMAND)
    )
    return card(
        title,
        *(
            Copyable(f"broker-{index}", "" if index else _("Its broker"), url)
            for index, url in enumerate(shown.brokers)
        ),
        Copyable("mqtt-username", _("User name"), shown.mqtt_username),
        Copyable("mqtt-password", _("Password, shown this once"), shown.mqtt_password),
        Copyable("topic-telemetry", _("It publishes its measurements to"), telemetry),
        Copyable("topic-status", _("It publishes its status to"), status),
        Copyable("topic-command", _("It hears its commands on"), command),
    )
