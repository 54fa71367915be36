"""Stop, and what is like it: always in reach, never disabled, asked once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft

from sunsweep.app.hooks.keeping import use_maybe
from sunsweep.app.hooks.once import Handler, use_once
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.look.asking import question
from sunsweep.app.look.commands import order_words
from sunsweep.app.look.parts import named
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.net.api import new_key
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.machine.head_words import offline_since
from sunsweep.app.pages.machine.watched import Watched
from sunsweep.app.trouble import in_words
from sunsweep.app.words import N_, _, gettext, isolate
from sunsweep.contract.commands import Order


@dataclass(frozen=True, slots=True)
class Stopping:
    """`question` names the machine."""

    order: Order
    icon: ft.IconData
    question: str
    meaning: str


STOP: Final = Stopping(
    Order.STOP_CLEANING,
    ft.Icons.STOP_CIRCLE,
    N_("Stop {machine}?"),
    N_("It stops where it stands. Nothing starts it again before the stop is confirmed."),
)
DOCK: Final = Stopping(
    Order.RETURN_TO_DOCK,
    ft.Icons.HOME,
    N_("Send {machine} to its dock?"),
    N_("It breaks off what it does and drives home."),
)
EMERGENCY: Final = Stopping(
    Order.EMERGENCY_STOP,
    ft.Icons.DANGEROUS,
    N_("Emergency stop for {machine}?"),
    N_("The power of its motors is cut. Only a reset leads out of it, once somebody has looked at the machine."),
)


@ft.component
def StopActs(watched: Watched) -> ft.Control:
    """The stop and the menu beside it."""
    model = use_model()
    window = watch(model.window)
    asked, choose = use_maybe(Stopping)
    said, set_said = ft.use_state("")
    key, set_key = ft.use_state("")

    def ask(stopping: Stopping) -> None:
        set_said("")
        set_key(new_key())
        choose(stopping)

    async def give() -> None:
        if asked is None:
            return
        try:
            given = await model.api.give_command(watched.machine_id, asked.order, key=key)
        except Away as away:
            # Nobody knows whether it was taken: the same key asks again safely.
            set_said(in_words(away))
        except Refused as refusal:
            set_said(in_words(refusal))
            set_key(new_key())
        else:
            watched.take_command(given)
            choose(None)

    giving = use_once(give)
    ft.use_dialog(None if asked is None else _question(model, watched, asked, said, giving, lambda: choose(None)))
    is_phone = window.width is Width.PHONE
    stop = named(
        "machine-stop",
        ft.FilledButton(
            _("Stop"),
            icon=ft.Icons.STOP_CIRCLE,
            bgcolor=ft.Colors.ERROR,
            color=ft.Colors.ON_ERROR,
            height=52 if is_phone else 44,
            expand=is_phone,
            on_click=lambda: ask(STOP),
        ),
    )
    stop.expand = is_phone
    menu = named(
        "machine-other-stops",
        ft.PopupMenuButton(
            icon=ft.Icons.ARROW_DROP_DOWN_CIRCLE_OUTLINED,
            icon_color=ft.Colors.ERROR,
            tooltip=_("Other ways to stop it"),
            items=[_item(one, ask) for one in (DOCK, EMERGENCY)],
        ),
    )
    return ft.Row([stop, menu], spacing=4, expand=is_phone, tight=not is_phone)


def _item(stopping: Stopping, ask: Callable[[Stopping], None]) -> ft.PopupMenuItem:
    return ft.PopupMenuItem(
        content=named(f"order-{stopping.order}", ft.Text(order_words(stopping.order))),
        icon=stopping.icon,
        on_click=lambda: ask(stopping),
    )


def _question(
    model: Model,
    watched: Watched,
    asked: Stopping,
    said: str,
    giving: Handler,
    on_no: Callable[[], None],
) -> ft.AlertDialog:
    machine = watched.machine
    away = _away(machine, model.server.clock.now_ms())
    return question(
        "order",
        gettext(asked.question).format(machine=isolate(machine.name or machine.machine_id)),
        gettext(asked.meaning),
        yes=_("Stop") if asked is STOP else order_words(asked.order),
        no=_("Leave it as it is"),
        on_yes=giving.do,
        on_no=on_no,
        said=said,
        is_under_way=giving.is_under_way,
        more=ft.Text(away, weight=ft.FontWeight.W_600) if away else None,
    )


def _away(machine: MachineNow, now_ms: int) -> str:
    """What keeps the order from the machine; empty where nothing does."""
    if machine.is_known and not machine.enabled:
        return _("The machine is disabled: nothing reaches it. Stop it by hand, or enable it in its setup first.")
    if machine.is_known and machine.heard_ms is None:
        return _("The machine has never been heard of: it is sent first thing when it comes.")
    since = offline_since(machine, now_ms)
    if not since:
        return ""
    return _("The machine is offline {since}: it is sent first thing when it comes back.").format(since=since)
