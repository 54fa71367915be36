"""The states of a machine over the time axis of the charts, and its commands as marks above them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import flet as ft
import flet.canvas as cv

from sunsweep.app.figures.ages import since
from sunsweep.app.figures.lengths import length
from sunsweep.app.figures.times import instant_of, moment
from sunsweep.app.live.attention import NEEDS, RANK
from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.look.commands import order_words, story
from sunsweep.app.look.parts import named, quiet
from sunsweep.app.look.states import LOOKS, Shape
from sunsweep.app.look.statuses import status_words
from sunsweep.app.model import use_model, watch
from sunsweep.app.pages.machine.charts.frame import Frame, Offsets, Pointing, pointed
from sunsweep.app.pages.machine.charts.plot import headed, time_axis
from sunsweep.app.pages.machine.charts.stretches import Order, Stretch, at, bunches
from sunsweep.app.words import _, isolate, listed, ngettext

MARK: Final = 18
TOP: Final = 24
BOTTOM: Final = 50
HEIGHT: Final = BOTTOM + 22
ICON: Final = 16
ROOM_FOR_ICON: Final = 26
MOST_ICONS: Final = 60
LEAST: Final = 1.5
"""Logical pixels: what needed somebody is seen, however short it was."""
TOLD: Final = 6
"""Commands that a mark tells one by one."""

_ICONS: Final = {
    "start_cleaning": ft.Icons.PLAY_ARROW,
    "stop_cleaning": ft.Icons.STOP,
    "emergency_stop": ft.Icons.DANGEROUS,
    "return_to_dock": ft.Icons.HOME,
    "pause": ft.Icons.PAUSE,
    "resume": ft.Icons.SKIP_NEXT,
    "reset": ft.Icons.RESTART_ALT,
    "configure": ft.Icons.TUNE,
}


@dataclass(frozen=True, slots=True)
class Past:
    """What a ribbon shows; `cut_ms`: from there on there was too much to be read."""

    stretches: tuple[Stretch, ...]
    orders: tuple[Order, ...]
    cut_ms: int | None


@ft.component
def Ribbon(past: Past, frame: Frame, pointing: Pointing, *, is_dark: bool) -> ft.Control:
    head = headed(frame, [ft.Text(_("State"), weight=ft.FontWeight.W_600)], StateReadout(past, pointing))
    drawing = cv.Canvas(
        [*time_axis(frame, TOP, BOTTOM), *_areas(past.stretches, frame, is_dark=is_dark)],
        width=frame.width,
        height=HEIGHT,
    )
    band = ft.Stack(
        [
            drawing,
            *_icons(past.stretches, frame, is_dark=is_dark),
            StateCross(frame, pointing),
        ],
        width=frame.width,
        height=HEIGHT,
    )
    marks = [_mark(bunch, frame) for bunch in bunches(past.orders, frame.ms_of(MARK))]
    # Above what is pointed at, so that a mark tells its own.
    ruled = ft.Container(
        ft.Stack([pointed(frame, pointing, band), *marks], width=frame.width, height=HEIGHT), rtl=False
    )
    return named(
        "state-ribbon",
        ft.Column([*head, ruled, _legend(past, is_dark=is_dark)], spacing=4),
        label=_told(past.stretches),
    )


@ft.component
def StateReadout(past: Past, pointing: Pointing) -> ft.Control:
    """The state that is pointed at, or else the present one."""
    at_ms = watch(pointing.pointer).at_ms
    now_ms = use_model().server.clock.now_ms()
    now = instant_of(now_ms)
    if at_ms is None:
        last = past.stretches[-1] if past.stretches else None
        if last is None or not last.is_open:
            return ft.Container()
        parts = [_words(last), since(instant_of(last.begin_ms), now)]
        return ft.Text(listed(parts), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True)
    found = at(past.stretches, at_ms)
    if found is None:
        return ft.Text(_("nothing known here"), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True)
    begin, end = moment(instant_of(found.begin_ms), now), moment(instant_of(found.end_ms), now)
    until = (
        _("since {time}").format(time=begin) if found.is_open else _("{begin} to {end}").format(begin=begin, end=end)
    )
    parts = [_words(found), until, length((found.end_ms - found.begin_ms) / 1000)]
    return named("readout-state", ft.Text(listed(parts), no_wrap=True))


@ft.component
def StateCross(frame: Frame, pointing: Pointing) -> ft.Control:
    at_ms = watch(pointing.pointer).at_ms
    if at_ms is None:
        return ft.Container(width=0, height=0)
    x = frame.x(at_ms)
    line = cv.Line(x, TOP - 4, x, BOTTOM, ft.Paint(color=ft.Colors.OUTLINE, stroke_width=1))
    return cv.Canvas([line], width=frame.width, height=HEIGHT)


def _fill(state: AttentionState, *, is_dark: bool) -> str:
    """Strong for what is going on, pale for what rests."""
    tone = LOOKS[state].tone
    is_resting = state in {AttentionState.CHARGING, AttentionState.IDLE, AttentionState.DOCKED}
    return (tone.fill if is_resting else tone.ink).of(dark=is_dark)


def _areas(found: Sequence[Stretch], frame: Frame, *, is_dark: bool) -> list[cv.Shape]:
    """The worst last: it lies above what is beside it."""
    ends: dict[AttentionState, Offsets] = {}
    middle = (TOP + BOTTOM) / 2
    for one in found:
        left, right = frame.x(one.begin_ms), frame.x(one.end_ms)
        if one.state in NEEDS:
            right = max(right, left + LEAST)
        ends.setdefault(one.state, []).extend([(left, middle), (right, middle)])
    return [
        _band(ends[state], _fill(state, is_dark=is_dark), hollow=LOOKS[state].shape is Shape.HOLLOW)
        for state in sorted(ends, key=RANK.__getitem__, reverse=True)
    ]


def _band(ends: Offsets, color: str, *, hollow: bool) -> cv.Points:
    height = 3 if hollow else BOTTOM - TOP
    paint = ft.Paint(color=color, stroke_width=height, style=ft.PaintingStyle.STROKE)
    return cv.Points(ends, cv.PointMode.LINES, paint)


def _icons(found: Sequence[Stretch], frame: Frame, *, is_dark: bool) -> list[ft.Control]:
    """In what is wide enough for one."""
    wide = [one for one in found if frame.x(one.end_ms) - frame.x(one.begin_ms) >= ROOM_FOR_ICON]
    return [
        ft.Container(
            ft.Icon(LOOKS[one.state].icon, size=ICON, color=_ink(one.state, is_dark=is_dark)),
            left=(frame.x(one.begin_ms) + frame.x(one.end_ms) - ICON) / 2,
            top=(TOP + BOTTOM - ICON) / 2,
            bgcolor=ft.Colors.SURFACE_CONTAINER_LOW if LOOKS[one.state].shape is Shape.HOLLOW else None,
        )
        for one in wide[-MOST_ICONS:]
    ]


def _ink(state: AttentionState, *, is_dark: bool) -> ft.ColorValue:
    look = LOOKS[state]
    if look.shape is Shape.HOLLOW:
        return look.tone.ink.of(dark=is_dark)
    if state in {AttentionState.CHARGING, AttentionState.IDLE, AttentionState.DOCKED}:
        return look.tone.on_fill.of(dark=is_dark)
    return ft.Colors.SURFACE_CONTAINER_LOWEST


def _mark(bunch: Sequence[Order], frame: Frame) -> ft.Control:
    first = bunch[0]
    icon = _ICONS.get(first.command, ft.Icons.SEND) if len(bunch) == 1 else ft.Icons.MORE_HORIZ
    now = instant_of(use_model().server.clock.now_ms())
    told = [_order_line(order, now) for order in bunch[:TOLD]]
    if len(bunch) > TOLD:
        more = len(bunch) - TOLD
        told.append(ngettext("and {n} more", "and {n} more", more).format(n=more))
    text = "\n".join(told)
    return ft.Container(
        named(f"mark-{first.id}", ft.Icon(icon, size=MARK - 4, color=ft.Colors.ON_SURFACE), label=text),
        left=min(frame.right, frame.x(first.at_ms)) - MARK / 2,
        top=0,
        width=MARK,
        height=MARK,
        alignment=ft.Alignment.CENTER,
        border_radius=MARK / 2,
        bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST,
        tooltip=text,
    )


def _order_line(order: Order, now: datetime) -> str:
    parts = [
        moment(instant_of(order.at_ms), now, seconds=True),
        order_words(order.command),
        story(order.command, order.state, order.reason),
        isolate(order.by),
    ]
    return listed(part for part in parts if part)


def _legend(past: Past, *, is_dark: bool) -> ft.Control:
    states = sorted({one.state for one in past.stretches}, key=RANK.__getitem__)
    entries: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(LOOKS[state].icon, size=ICON, color=LOOKS[state].tone.ink.of(dark=is_dark)),
                quiet(LOOKS[state].words),
            ],
            spacing=4,
            tight=True,
        )
        for state in states
    ]
    if not states:
        entries = [quiet(_("No change of state is known of this time."))]
    if past.cut_ms is not None:
        entries.append(quiet(_("Too many changes to show them all: choose a shorter span.")))
    return ft.Row(entries, wrap=True, spacing=16, run_spacing=4)


def _words(stretch: Stretch) -> str:
    """The machine's own word; of its farewell, what it means."""
    if stretch.state is AttentionState.OFFLINE:
        return LOOKS[stretch.state].words
    return status_words(stretch.said)


def _told(found: Sequence[Stretch]) -> str:
    """The ribbon in words."""
    if not found:
        return _("No change of state is known of this time.")
    return _("States: {states}").format(states=listed(_words(one) for one in found[-TOLD:]))
