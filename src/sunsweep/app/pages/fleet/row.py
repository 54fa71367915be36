"""One machine of the list: a row of the table, or a card of two lines on a phone."""

from typing import Final

import flet as ft

from sunsweep.app.figures import units
from sunsweep.app.figures.ages import Freshness, freshness, heard
from sunsweep.app.figures.times import instant_of
from sunsweep.app.hooks.components import unless_same
from sunsweep.app.hooks.watching import use_is_dark, use_machine, use_now_ms
from sunsweep.app.live.attention import Attention
from sunsweep.app.live.machine import MachineNow
from sunsweep.app.live.readings import number
from sunsweep.app.look.mark import mark, state_ink, state_text
from sunsweep.app.look.parts import named
from sunsweep.app.look.tones import AMBER, GREY
from sunsweep.app.model import use_model, watch
from sunsweep.app.net.stream import Link
from sunsweep.app.pages.fleet.doing import doing
from sunsweep.app.pages.fleet.sorting import solar_w
from sunsweep.app.words import isolate, listed

ROW_HEIGHT: Final = 60
CARD_HEIGHT: Final = 72
BATTERY_WIDTH: Final = 68
SOLAR_WIDTH: Final = 54
WATER_WIDTH: Final = 52
HEARD_WIDTH: Final = 94
STATE_SHARE: Final = 6
NAME_SHARE: Final = 5
EDGE: Final = 12
GAP: Final = 10

EMPTY_V: Final = 12.0
FULL_V: Final = 13.8
"""The ends of the bar: what a 12 V LiFePO4 battery has between empty and charging."""


@unless_same
@ft.component
def Row(machine_id: str) -> ft.Control:
    """Of the table."""
    found = _use_found(machine_id)
    if found is None:
        return ft.Container(height=ROW_HEIGHT)
    look = _Look(*found)
    return _opens(
        machine_id,
        ROW_HEIGHT,
        [
            ft.Container(mark(look.found, is_dark=look.is_dark), width=36),
            ft.Column(
                [look.state(), *([_second(look.doing)] if look.doing else [])],
                spacing=1,
                expand=STATE_SHARE,
                alignment=ft.MainAxisAlignment.CENTER,
            ),
            ft.Column(
                [look.name(), *([_second(look.second)] if look.second else [])],
                spacing=1,
                expand=NAME_SHARE,
                alignment=ft.MainAxisAlignment.CENTER,
            ),
            _numeric(BATTERY_WIDTH, look.battery(), look.battery_bar()),
            _numeric(SOLAR_WIDTH, look.figure(units.power(solar_w(look.machine)))),
            _numeric(WATER_WIDTH, look.water()),
            _numeric(HEARD_WIDTH, look.age()),
        ],
    )


@unless_same
@ft.component
def Card(machine_id: str) -> ft.Control:
    """Of the list on a phone."""
    found = _use_found(machine_id)
    if found is None:
        return ft.Container(height=CARD_HEIGHT)
    look = _Look(*found)
    return _opens(
        machine_id,
        CARD_HEIGHT,
        [
            mark(look.found, is_dark=look.is_dark, size=36),
            ft.Column(
                [
                    ft.Row([ft.Container(look.name(), expand=True), look.age()], spacing=8),
                    ft.Row(
                        [ft.Container(look.state(), expand=True), look.battery(), _numeric(48, look.water())],
                        spacing=4,
                    ),
                ],
                spacing=4,
                expand=True,
                alignment=ft.MainAxisAlignment.CENTER,
            ),
        ],
    )


def _use_found(machine_id: str) -> tuple[MachineNow, Attention, int, bool, bool] | None:
    model = use_model()
    machine, now_ms, is_dark = use_machine(machine_id), use_now_ms(), use_is_dark()
    link = watch(model.feeding.connection).link
    found = model.fleet.attention.get(machine_id)
    if machine is None or found is None:
        return None
    return machine, found, now_ms, is_dark, link is Link.LOST


class _Look:
    """The pieces that rows and cards are made of."""

    def __init__(self, machine: MachineNow, found: Attention, now_ms: int, is_dark: bool, is_cut_off: bool) -> None:  # noqa: FBT001  unpacked
        self.machine = machine
        self.found = found
        self.is_dark = is_dark
        self.doing = doing(machine, found, now_ms)
        self.second = listed([isolate(machine.machine_id), *map(isolate, machine.tags)]) if machine.name else ""
        self._now_ms = now_ms
        age_s = None if machine.sample_ms is None else (now_ms - machine.sample_ms) / 1000
        is_old = freshness(age_s, machine.expected_interval_s, machine.presence) is not Freshness.FRESH
        self._ink = ft.Colors.ON_SURFACE if not is_old and not is_cut_off else GREY.ink.of(dark=is_dark)
        self._is_cut_off = is_cut_off

    def state(self) -> ft.Text:
        return _first(state_text(self.found), state_ink(self.found, is_dark=self.is_dark), ft.FontWeight.W_600)

    def name(self) -> ft.Text:
        return _first(isolate(self.machine.name or self.machine.machine_id), None, ft.FontWeight.W_500)

    def figure(self, text: str, *, is_low: bool = False) -> ft.Text:
        ink = AMBER.ink.of(dark=self.is_dark) if is_low else self._ink
        return ft.Text(text, color=ink, no_wrap=True, size=14, weight=ft.FontWeight.W_600 if is_low else None)

    def battery(self) -> ft.Text:
        is_low = self.found.battery_v is not None
        return self.figure(units.battery(number(self.machine.sample, "battery")), is_low=is_low)

    def water(self) -> ft.Text:
        return self.figure(units.water(number(self.machine.sample, "water")), is_low=self.found.water_pct is not None)

    def battery_bar(self) -> ft.Control:
        volts = number(self.machine.sample, "battery")
        share = 0.0 if volts is None else max(0.0, min(1.0, (volts - EMPTY_V) / (FULL_V - EMPTY_V)))
        ink = AMBER.ink.of(dark=self.is_dark) if self.found.battery_v is not None else ft.Colors.OUTLINE
        # Twentieths are all that its few pixels can show, and draw it anew less often.
        return ft.ProgressBar(
            value=round(share * 20) / 20,
            color=ink,
            bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST,
            bar_height=4,
            width=BATTERY_WIDTH - 12,
            border_radius=2,
        )

    def age(self) -> ft.Text:
        machine, now_ms = self.machine, self._now_ms
        if machine.heard_ms is None:
            return ft.Text(units.battery(None), color=GREY.ink.of(dark=self.is_dark), size=13)
        age_s = (now_ms - machine.heard_ms) / 1000
        how = freshness(age_s, machine.expected_interval_s, machine.presence)
        ink: ft.ColorValue = ft.Colors.ON_SURFACE_VARIANT
        if how is Freshness.GONE or self._is_cut_off:
            ink = GREY.ink.of(dark=self.is_dark)
        elif how is Freshness.LATE:
            ink = AMBER.ink.of(dark=self.is_dark)
        weight = ft.FontWeight.W_600 if how is Freshness.LATE else None
        return ft.Text(
            heard(instant_of(machine.heard_ms), instant_of(now_ms)), color=ink, size=13, no_wrap=True, weight=weight
        )


def _opens(machine_id: str, height: float, cells: list[ft.Control]) -> ft.Control:
    model = use_model()
    return named(
        f"machine-{machine_id}",
        ft.Container(
            ft.Row(cells, spacing=GAP, vertical_alignment=ft.CrossAxisAlignment.CENTER),
            height=height,
            padding=ft.Padding.symmetric(horizontal=EDGE),
            border=ft.Border(bottom=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)),
            ink=True,
            on_click=lambda: model.go(f"/machines/{machine_id}"),
        ),
    )


def _first(text: str, ink: str | None, weight: ft.FontWeight) -> ft.Text:
    return ft.Text(text, color=ink, weight=weight, size=14, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)


def _second(text: str) -> ft.Text:
    return ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT, size=12, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)


def _numeric(width: float, *controls: ft.Control) -> ft.Column:
    return ft.Column(
        list(controls),
        width=width,
        spacing=4,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.END,
    )
