"""Start, and whatever else the machine's catalogue offers: a form with limits, and how long the order stays good."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import flet as ft

from sunsweep.app.hooks.keeping import use_maybe, use_redraw
from sunsweep.app.hooks.once import Handler, use_once
from sunsweep.app.live.attention import shown_status
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.look.commands import order_words
from sunsweep.app.look.parameters import parameter_form
from sunsweep.app.look.parts import failed, loading, named, quiet
from sunsweep.app.model import Model, use_model
from sunsweep.app.net.api import Json, new_key
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.machine.lasting import LASTING, lasting_words
from sunsweep.app.pages.machine.watched import Watched
from sunsweep.app.parameters import fields, read
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _, isolate
from sunsweep.contract.commands import Order

WIDTH: Final = 460
AROUND: Final = 128
"""What a dialog keeps free of a phone's width, inside and outside."""
_PARAMS: Final = "params."
_LIKELY: Final = {
    AttentionState.EMERGENCY_STOP: Order.RESET,
    AttentionState.FAULT: Order.RESET,
    AttentionState.PAUSED: Order.RESUME,
}
"""What somebody who opens the sheet is most likely to want, by the machine's state."""


class Draft:
    """What is being put together; the sheet is drawn again after each change."""

    def __init__(self) -> None:
        self.commands: list[Json] = []
        self.chosen: str = ""
        self.entered: dict[str, str] = {}
        self.expires_in: int | None = None
        self.faults: dict[str, str] = {}
        self.said = ""
        self.is_loaded = False
        self.key = new_key()

    @property
    def command(self) -> Json | None:
        return next((one for one in self.commands if one["command"] == self.chosen), None)

    def choose(self, command: str) -> None:
        """Another command takes other parameters, and is another order."""
        self.chosen, self.entered, self.faults, self.said = command, {}, {}, ""
        self.key = new_key()

    def put(self, name: str, text: str) -> None:
        self.entered[name] = text
        self.faults.pop(name, None)
        self.key = new_key()

    def take_refusal(self, refusal: Refused) -> None:
        """At the field that the server names, in its words; else under the form."""
        name = refusal.field.removeprefix(_PARAMS)
        if refusal.field.startswith(_PARAMS) and name in self._names():
            self.faults[name] = in_words(refusal)
        else:
            self.said = in_words(refusal)
        self.key = new_key()

    def _names(self) -> set[str]:
        command = self.command
        return set() if command is None else {field.name for field in fields(command["params_schema"])}


@ft.component
def StartButton(watched: Watched) -> ft.Control:
    model = use_model()
    draft, set_draft = use_maybe(Draft)
    again = use_redraw()

    async def begin() -> None:
        fresh = Draft()
        set_draft(fresh)
        await _load(model, watched, fresh)
        again()

    def end() -> None:
        set_draft(None)

    async def give() -> None:
        if draft is None:
            return
        if await _give(model, watched, draft):
            end()

    giving = use_once(give)
    ft.use_dialog(None if draft is None else _sheet(watched, draft, again, begin, giving, end, _width(model)))
    return named(
        "machine-start",
        ft.FilledTonalButton(_("Start …"), icon=ft.Icons.PLAY_ARROW, height=44, on_click=begin),
    )


def _width(model: Model) -> float:
    return min(WIDTH, (model.page.width or WIDTH) - AROUND)


def _sheet(
    watched: Watched,
    draft: Draft,
    again: Callable[[], None],
    retry: Callable[[], Any],
    giving: Handler,
    end: Callable[[], None],
    width: float,
) -> ft.AlertDialog:
    machine = watched.machine
    is_ready = draft.command is not None
    return ft.AlertDialog(
        modal=giving.is_under_way,
        scrollable=True,
        title=ft.Text(_("An order for {machine}").format(machine=isolate(machine.name or machine.machine_id))),
        content=ft.Container(
            ft.Column(
                _fields(draft, again, retry, width),
                tight=True,
                spacing=14,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            width=width,
        ),
        actions=[
            named("start-no", ft.TextButton(_("Cancel"), on_click=end, disabled=giving.is_under_way)),
            named(
                "start-yes",
                ft.FilledButton(
                    order_words(draft.chosen) if is_ready else _("Send"),
                    icon=ft.Icons.SEND,
                    on_click=giving.do,
                    disabled=not is_ready or giving.is_under_way,
                ),
            ),
        ],
        on_dismiss=end,
    )


def _fields(draft: Draft, again: Callable[[], None], retry: Callable[[], Any], width: float) -> list[ft.Control]:
    if not draft.is_loaded:
        return [failed(draft.said, retry)] if draft.said else [loading(3)]

    def choose(command: str) -> None:
        draft.choose(command)
        again()

    def put(name: str, text: str) -> None:
        draft.put(name, text)

    def last(text: str) -> None:
        draft.expires_in = int(text) if text else None
        draft.key = new_key()

    command = draft.command
    controls: list[ft.Control] = [
        named(
            "start-command",
            ft.Dropdown(
                label=_("What it shall do"),
                value=draft.chosen,
                options=[ft.DropdownOption(one["command"], order_words(one["command"])) for one in draft.commands],
                width=width,
                on_select=lambda event: choose(event.control.value or ""),
            ),
        )
    ]
    if command is not None:
        controls.append(parameter_form(fields(command["params_schema"]), draft.entered, put, faults=draft.faults))
        controls.append(named("start-lasts", _lasting(draft, command, last, width)))
    if draft.said:
        controls.append(named("start-said", ft.Text(draft.said, color=ft.Colors.ERROR)))
    return controls


def _lasting(draft: Draft, command: Mapping[str, Any], last: Callable[[str], None], width: float) -> ft.Control:
    usual = command["expires_in"]
    choices = [ft.DropdownOption("", _("{time} (usual)").format(time=lasting_words(usual)))] if usual else []
    choices += [ft.DropdownOption(str(one), lasting_words(one)) for one in LASTING if one != usual]
    return ft.Column(
        [
            ft.Dropdown(
                label=_("Stays good for"),
                value="" if draft.expires_in is None else str(draft.expires_in),
                options=choices,
                width=width,
                on_select=lambda event: last(event.control.value or ""),
            ),
            quiet(_("If it could not be sent by then, it expires, and the machine does nothing.")),
        ],
        tight=True,
        spacing=4,
    )


async def _load(model: Model, watched: Watched, draft: Draft) -> None:
    draft.said = ""
    try:
        found = await model.api.catalogue(watched.machine_id)
    except (Refused, Away) as trouble:
        draft.said = in_words(trouble)
        return
    draft.commands = [one for one in found["commands"] if not one["stop_like"]]
    draft.is_loaded = True
    names = [one["command"] for one in draft.commands]
    likely = _LIKELY.get(shown_status(watched.machine.status), Order.START_CLEANING)
    if names:
        draft.choose(likely if likely in names else names[0])


async def _give(model: Model, watched: Watched, draft: Draft) -> bool:
    command = draft.command
    if command is None:
        return False
    reading = read(fields(command["params_schema"]), draft.entered)
    draft.faults, draft.said = reading.faults, ""
    if reading.faults:
        return False
    try:
        given = await model.api.give_command(
            watched.machine_id, draft.chosen, reading.params, expires_in=draft.expires_in, key=draft.key
        )
    except Refused as refusal:
        draft.take_refusal(refusal)
        return False
    except Away as away:
        draft.said = in_words(away)
        return False
    watched.take_command(given)
    return True
