"""What a machine measured and did, over a span of time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import flet as ft

from sunsweep.app.addresses import asked, asking
from sunsweep.app.figures.lengths import length
from sunsweep.app.figures.times import instant_of, zone_caption
from sunsweep.app.hooks.reading import use_reading
from sunsweep.app.hooks.watching import use_is_dark, use_machine
from sunsweep.app.look.parts import GAP, card, empty, failed, loading, named, quiet
from sunsweep.app.look.tones import AMBER
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.pages.machine.charts.axes import Scale, held
from sunsweep.app.pages.machine.charts.frame import Frame, Pointing
from sunsweep.app.pages.machine.charts.plot import Chart, scale_for
from sunsweep.app.pages.machine.charts.reading import Reading, read
from sunsweep.app.pages.machine.charts.ribbon import Past, Ribbon
from sunsweep.app.pages.machine.charts.series import Series, thinned
from sunsweep.app.pages.machine.charts.spans import PACE_S, SPAN_WORDS, Span, span_of
from sunsweep.app.pages.machine.charts.stretches import stretches
from sunsweep.app.pages.machine.downloads import Downloads
from sunsweep.app.words import _

PADDING: Final = 16
EXPECTED_S: Final = 60
"""The platform's own default, until the machine itself is known."""


@ft.component
def History(machine_id: str) -> ft.Control:
    model = use_model()
    span = span_of(asked(model.page.route or "", "span"))
    # Another span is another page of history: nothing of the one before stays in its axes.
    return ft.Container(Spanned(machine_id, span), key=f"history-{machine_id}-{span}")


@ft.component
def Spanned(machine_id: str, span: Span) -> ft.Control:
    model = use_model()
    width, set_width = ft.use_state(0.0)
    machine = use_machine(machine_id)
    expected_s = EXPECTED_S if machine is None else machine.expected_interval_s
    offline_ms = machine.presence_ms if machine is not None and machine.presence == "offline" else None

    async def fetch() -> Reading:
        now_ms = model.server.clock.now_ms()
        return await read(model.api, machine_id, span, now_ms=now_ms, expected_s=expected_s)

    reading = use_reading(fetch, [machine_id, span, expected_s], every_s=PACE_S[span], is_kept=True)

    def measured(event: ft.LayoutSizeChangeEvent[Any]) -> None:
        set_width(float(int(event.width)))

    if reading.found is None and reading.trouble:
        body: ft.Control = failed(reading.trouble, reading.again)
    elif reading.found is None or width == 0:
        body = loading(4, 148)
    else:
        body = Drawings(reading.found, offline_ms, width)
    inside = ft.Column(
        [Head(machine_id, span), body],
        spacing=GAP,
        expand=True,
        on_size_change=measured,
        size_change_interval=100,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return ft.Row([inside])


@ft.component
def Head(machine_id: str, span: Span) -> ft.Control:
    model = use_model()
    is_phone = watch(model.window).width is Width.PHONE

    def choose(event: ft.Event[ft.SegmentedButton]) -> None:
        chosen = span_of(next(iter(event.control.selected), span))
        model.go(asking(model.page.route or "", span="" if chosen is Span.DAY else chosen))

    switch = ft.SegmentedButton(
        segments=[
            ft.Segment(value=one, label=named(f"span-{one}", ft.Text(words(), no_wrap=True)))
            for one, words in SPAN_WORDS.items()
        ],
        selected=[span],
        show_selected_icon=False,
        on_change=choose,
    )
    both = [switch, Downloads(machine_id, span)]
    return ft.Row(both, alignment=ft.MainAxisAlignment.SPACE_BETWEEN, wrap=is_phone)


@ft.component
def Caption(series: Sequence[Series], end: datetime) -> ft.Control:
    """How the drawings are to be read."""
    zone = zone_caption(end)
    width_ms = max((one.width_ms for one in series if one.width_ms is not None), default=None)
    if width_ms is None:
        told = _("Every measurement. Times: {zone}.").format(zone=zone)
    else:
        told = _("Line: mean of {length}. Shade: lowest to highest. Times: {zone}.").format(
            length=length(width_ms / 1000), zone=zone
        )
    is_late = any(point.late_ms is not None for one in series for point in one.points)
    late = ft.Row(
        [ft.Container(width=14, height=4, bgcolor=AMBER.ink.of(dark=use_is_dark())), quiet(_("Arrived late"))],
        spacing=6,
        tight=True,
    )
    return named("history-caption", ft.Row([quiet(told), *([late] if is_late else [])], wrap=True, spacing=16))


@ft.component
def Drawings(reading: Reading, offline_ms: int | None, width: float) -> ft.Control:
    model = use_model()
    is_dark = use_is_dark()
    pointing, _set_pointing = ft.use_state(Pointing())
    scales, _set_scales = ft.use_state(dict[str, Scale]())
    frame = Frame(reading.window, width - 2 * PADDING)
    until_ms = reading.changes_end_ms or model.server.clock.now_ms()
    found = stretches(reading.changes, reading.window, until_ms, offline_since_ms=offline_ms)
    past = Past(tuple(found), reading.orders, reading.changes_end_ms)
    series = [thinned(one, frame.column_ms) for one in reading.series]
    version = f"{reading.window.end_ms}-{width}-{is_dark}"
    return ft.Column(
        [
            Caption(series, instant_of(reading.window.end_ms - 1)),
            card(Ribbon(past, frame, pointing, is_dark=is_dark), padding=PADDING),
            *(
                card(Chart(one, _axis(one, scales), frame, pointing, version, is_dark=is_dark), padding=PADDING)
                for one in series
            ),
            *([] if series else [_nothing(model)]),
        ],
        spacing=GAP,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _axis(series: Series, scales: dict[str, Scale]) -> Scale:
    """The one that was drawn before, where it still fits."""
    axis = scales[series.name] = held(scales.get(series.name), scale_for(series), series.low, series.high)
    return axis


def _nothing(model: Model) -> ft.Control:
    def longer() -> None:
        model.go(asking(model.page.route or "", span=Span.YEAR))

    return empty(
        ft.Icons.SHOW_CHART,
        _("Nothing was measured in this time"),
        _("The machine sent no measurements. Look further back, or see whether it is connected."),
        named("history-longer", ft.FilledTonalButton(_("Show a year"), on_click=longer)),
    )
