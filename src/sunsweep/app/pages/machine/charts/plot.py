"""One quantity over time: mean, least and greatest, with gaps where nothing was measured."""

from collections.abc import Sequence
from typing import Final

import flet as ft
import flet.canvas as cv

from sunsweep.app.figures.lengths import length
from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import date, instant_of, moment, tick
from sunsweep.app.look.parts import named
from sunsweep.app.look.tones import AMBER
from sunsweep.app.model import use_model, watch
from sunsweep.app.pages.machine.charts.axes import Scale, scale, time_marks
from sunsweep.app.pages.machine.charts.frame import Frame, Offsets, Pointing, pointed, y_of
from sunsweep.app.pages.machine.charts.quantities import Look, look_of
from sunsweep.app.pages.machine.charts.series import Point, Series, nearest, runs
from sunsweep.app.words import _, listed

HEIGHT: Final = 148
TOP: Final = 8
BOTTOM: Final = HEIGHT - 22
APART: Final = 64
"""Logical pixels that a text of the time axis takes."""
GRID: Final = ft.Colors.with_opacity(0.6, ft.Colors.OUTLINE_VARIANT)
_SMALL: Final = 11
_DAY_MS: Final = 24 * 3600 * 1000


def scale_for(series: Series) -> Scale:
    """The vertical axis that the values want."""
    look = look_of(series.name)
    low = 0.0 if look.from_zero and series.low >= 0 else series.low
    high = series.high if look.to is None else max(look.to, series.high)
    return scale(low, high, at_least=look.at_least)


@ft.component
def Chart(series: Series, axis: Scale, frame: Frame, pointing: Pointing, version: str, *, is_dark: bool) -> ft.Control:
    """`version` changes with whatever is drawn: then it is drawn as a whole, and not compared line by line."""
    look = look_of(series.name)
    drawing = cv.Canvas(
        [*_ground(frame, axis), *_curve(series, axis, frame, look, is_dark=is_dark)],
        width=frame.width,
        height=HEIGHT,
        key=f"chart-{series.name}-{version}",
    )
    names: list[ft.Control] = [
        ft.Container(width=10, height=10, border_radius=5, bgcolor=look.color.of(dark=is_dark)),
        ft.Text(look.words, weight=ft.FontWeight.W_600),
        ft.Text(look.unit, color=ft.Colors.ON_SURFACE_VARIANT),
    ]
    head = headed(frame, names, Readout(series, pointing))
    plot = ft.Stack([drawing, Cross(series, axis, frame, pointing, is_dark=is_dark)], width=frame.width, height=HEIGHT)
    # Times run from left to right in every language, as on a ruler.
    ruled = ft.Container(pointed(frame, pointing, plot), rtl=False)
    return named(f"chart-{series.name}", ft.Column([*head, ruled], spacing=4), label=_told(series, look))


@ft.component
def Readout(series: Series, pointing: Pointing) -> ft.Control:
    """The value that is pointed at, or else the least and the greatest of the span."""
    at_ms = watch(pointing.pointer).at_ms
    now = instant_of(use_model().server.clock.now_ms())
    look = look_of(series.name)
    if at_ms is None:
        low, high = look.text(series.low), look.text(series.high)
        text = _("{low} to {high}").format(low=low, high=high)
        return ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True)
    point = nearest(series, at_ms)
    if point is None:
        return ft.Text(_("nothing measured here"), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True)
    is_long = series.width_ms is not None and series.width_ms >= _DAY_MS
    begin = instant_of(point.at_ms - (series.width_ms or 0) / 2)
    time = date(begin, now=now) if is_long else moment(begin, now, seconds=series.width_ms is None)
    parts = [look.text(point.mean)]
    if series.width_ms is not None:
        parts.append(_("{low} to {high}").format(low=look.text(point.low), high=look.text(point.high)))
    parts.append(time)
    if point.late_ms is not None:
        parts.append(_("arrived {age} late").format(age=length(point.late_ms / 1000)))
    return named(f"readout-{series.name}", ft.Text(listed(parts), no_wrap=True))


@ft.component
def Cross(series: Series, axis: Scale, frame: Frame, pointing: Pointing, *, is_dark: bool) -> ft.Control:
    """The line at the time that is pointed at, the same on all drawings, and the point nearest to it."""
    at_ms = watch(pointing.pointer).at_ms
    if at_ms is None:
        return ft.Container(width=0, height=0)
    point = nearest(series, at_ms)
    x = frame.x(at_ms if point is None else point.at_ms)
    shapes: list[cv.Shape] = [cv.Line(x, TOP, x, BOTTOM, ft.Paint(color=ft.Colors.OUTLINE, stroke_width=1))]
    if point is not None:
        color = look_of(series.name).color.of(dark=is_dark)
        shapes.append(cv.Circle(x, y_of(point.mean, axis, TOP, BOTTOM), 4, ft.Paint(color=color)))
    return cv.Canvas(shapes, width=frame.width, height=HEIGHT)


def headed(frame: Frame, names: list[ft.Control], readout: ft.Control) -> list[ft.Control]:
    """What a drawing shows, and beside or below it what is pointed at; its place is kept, so nothing jumps."""
    if frame.is_narrow:
        return [ft.Row(names, spacing=8, height=20), ft.Row([readout], height=20)]
    return [ft.Row([*names, ft.Container(expand=True), readout], spacing=8, height=24)]


def time_axis(frame: Frame, top: float, bottom: float) -> list[cv.Shape]:
    """Faint lines at round times, and the times below them."""
    marks = time_marks(frame.window, most=max(2, int((frame.right - frame.left) / APART)))
    lines: Offsets = [end for mark in marks for end in ((frame.x(mark), top), (frame.x(mark), bottom))]
    texts = (tick(instant_of(mark), frame.window.length_ms / 1000) for mark in marks)
    return [
        _lines(lines, GRID, 1),
        *(
            _text(frame.x(mark), bottom + 5, text, ft.Alignment.TOP_CENTER)
            for mark, text in zip(marks, texts, strict=True)
        ),
    ]


def _ground(frame: Frame, axis: Scale) -> list[cv.Shape]:
    marks = axis.marks()
    heights = [y_of(mark, axis, TOP, BOTTOM) for mark in marks]
    lines: Offsets = [end for y in heights for end in ((frame.left, y), (frame.right, y))]
    return [
        *time_axis(frame, TOP, BOTTOM),
        _lines(lines, GRID, 1),
        *(
            _text(frame.left - 8, y, number(mark, axis.decimals), ft.Alignment.CENTER_RIGHT)
            for mark, y in zip(marks, heights, strict=True)
        ),
    ]


def _curve(series: Series, axis: Scale, frame: Frame, look: Look, *, is_dark: bool) -> list[cv.Shape]:
    color = look.color.of(dark=is_dark)
    shown = [point for point in series.points if frame.holds(point.at_ms, series.width_ms)]

    def place(point: Point) -> tuple[float, float]:
        return frame.x(point.at_ms), y_of(point.mean, axis, TOP, BOTTOM)

    shapes: list[cv.Shape] = []
    if series.width_ms is not None:
        band: Offsets = [end for point in shown for end in _upright(point, axis, frame)]
        width = series.width_ms / frame.ms_of(1)
        shapes.append(_lines(band, ft.Colors.with_opacity(0.28, color), max(1.0, width)))
    for run in runs(series):
        line: Offsets = [place(point) for point in run if frame.holds(point.at_ms, series.width_ms)]
        if len(line) > 1:
            shapes.append(
                cv.Points(line, cv.PointMode.POLYGON, _stroke(color, 2)),
            )
        elif line:
            shapes.append(cv.Points(line, cv.PointMode.POINTS, _stroke(color, 4)))
    late = _late(shown, frame)
    if late:
        shapes.append(_lines(late, AMBER.ink.of(dark=is_dark), 4))
    return shapes


def _upright(point: Point, axis: Scale, frame: Frame) -> Offsets:
    x = frame.x(point.at_ms)
    return [(x, y_of(point.low, axis, TOP, BOTTOM)), (x, y_of(point.high, axis, TOP, BOTTOM))]


def _late(points: Sequence[Point], frame: Frame) -> Offsets:
    """A foot under what arrived late."""
    return [
        end
        for point in points
        if point.late_ms is not None
        for end in ((frame.x(point.at_ms) - 2, BOTTOM), (frame.x(point.at_ms) + 2, BOTTOM))
    ]


def _lines(ends: Offsets, color: ft.ColorValue, width: float) -> cv.Points:
    paint = ft.Paint(color=color, stroke_width=width, style=ft.PaintingStyle.STROKE)
    return cv.Points(ends, cv.PointMode.LINES, paint)


def _stroke(color: ft.ColorValue, width: float) -> ft.Paint:
    return ft.Paint(
        color=color,
        stroke_width=width,
        style=ft.PaintingStyle.STROKE,
        stroke_cap=ft.StrokeCap.ROUND,
        stroke_join=ft.StrokeJoin.ROUND,
    )


def _text(x: float, y: float, value: str, alignment: ft.Alignment) -> cv.Text:
    style = ft.TextStyle(size=_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
    return cv.Text(x, y, value, style=style, alignment=alignment)


def _told(series: Series, look: Look) -> str:
    """The drawing in words."""
    low, high = look.text(series.low), look.text(series.high)
    last = look.text(series.points[-1].mean)
    return _("{what}: {low} to {high}, at last {last}").format(what=look.words, low=low, high=high, last=last)
