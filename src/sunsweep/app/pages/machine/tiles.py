"""The machine's values, each with its unit, its age and its last hour. A tile follows its own value and no other."""

from typing import Final

import flet as ft
import flet.canvas as cv

from sunsweep.app.figures.ages import Freshness
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.live.trail import MINUTES, Dot
from sunsweep.app.look.parts import figure, named
from sunsweep.app.look.tones import AMBER, GREY
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.pages.machine.values import tile, tile_names
from sunsweep.app.pages.machine.watched import Watched, use_lasting, use_part
from sunsweep.app.words import _

TILE_PX: Final = 158
"""Four beside each other on a laptop, with the commands at their side."""
PHONE_TILE_PX: Final = 174
"""At most: two beside each other, on a narrow phone as well."""
_PHONE_MARGIN_PX: Final = 8
PADDING_PX: Final = 12
CURVE_HEIGHT_PX: Final = 32
GAP_PX: Final = 10
FIGURE_HEIGHT_PX: Final = 34
_FIGURE_PX: Final = ((9, 24), (13, 17), (24, 11))
"""So many characters fit a tile in this size; a sensor of unknown precision may send 17 digits."""

Runs = tuple[tuple[Dot, ...], ...]


@ft.component
def Tiles(watched: Watched) -> ft.Control:
    model = use_model()
    names = use_lasting(watched, lambda: tile_names(watched.machine))
    is_phone = watch(model.window).width is Width.PHONE
    width = phone_tile_px(model.page.width or 0) if is_phone else TILE_PX
    return ft.Row(
        [ft.Container(TileCard(watched, name, width), key=name) for name in names],
        wrap=True,
        spacing=GAP_PX,
        run_spacing=GAP_PX,
        alignment=ft.MainAxisAlignment.CENTER if is_phone else ft.MainAxisAlignment.START,
    )


@ft.component
def TileCard(watched: Watched, name: str, width: int) -> ft.Control:
    now_ms = use_model().server.clock.now_ms
    shown = use_part(watched, lambda: tile(watched.machine, name, now_ms()))
    is_dark = use_is_dark()
    ink = _ink(shown.freshness, is_dark=is_dark)
    is_late = shown.freshness is Freshness.LATE
    age = ft.Text(
        shown.age, color=ink or ft.Colors.ON_SURFACE_VARIANT, size=12, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS
    )
    return named(
        f"tile-{name}",
        ft.Container(
            ft.Column(
                [
                    ft.Text(
                        shown.label,
                        size=13,
                        color=ft.Colors.ON_SURFACE_VARIANT,
                        no_wrap=True,
                        overflow=ft.TextOverflow.ELLIPSIS,
                    ),
                    ft.Row(
                        [figure(shown.figure, color=ink, size=figure_px(shown.figure), expand=True)],
                        height=FIGURE_HEIGHT_PX,
                    ),
                    Curve(watched, name, width - 2 * PADDING_PX - 2, is_grey=shown.freshness is Freshness.GONE),
                    ft.Row(
                        [*([ft.Icon(ft.Icons.HISTORY_TOGGLE_OFF, size=14, color=ink)] if is_late else []), age],
                        spacing=4,
                    ),
                ],
                spacing=2,
                tight=True,
            ),
            width=width,
            padding=PADDING_PX,
            border_radius=12,
            bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
            border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        ),
    )


@ft.component
def Curve(watched: Watched, name: str, width: int, is_grey: bool) -> ft.Control:  # noqa: FBT001  a component's argument
    """The last hour, without axes: how it goes, not how much."""
    now_ms = use_model().server.clock.now_ms
    runs = use_part(watched, lambda: watched.trail.runs(name, now_ms()))
    color = ft.Colors.OUTLINE if is_grey else ft.Colors.PRIMARY
    paint = ft.Paint(
        color=color, stroke_width=1.5, style=ft.PaintingStyle.STROKE, stroke_cap=ft.StrokeCap.ROUND, anti_alias=True
    )
    return ft.Container(
        cv.Canvas(
            [
                cv.Points(points=points, point_mode=_mode(points), paint=paint)
                for points in _drawn(runs, now_ms() // 60_000, width)
            ],
            width=width,
            height=CURVE_HEIGHT_PX,
        ),
        tooltip=_("The last hour"),
        height=CURVE_HEIGHT_PX,
    )


def phone_tile_px(page_px: float) -> int:
    """In logical pixels, for a page that is so wide."""
    return min(PHONE_TILE_PX, max(TILE_PX // 2, int(page_px - 2 * _PHONE_MARGIN_PX - GAP_PX) // 2))


def figure_px(text: str) -> int:
    """The largest size in which the whole figure can be read: a cut one is another number."""
    return next((size for longest, size in _FIGURE_PX if len(text) <= longest), _FIGURE_PX[-1][1])


def _ink(freshness: Freshness, *, is_dark: bool) -> str | None:
    if freshness is Freshness.FRESH:
        return None
    return (AMBER if freshness is Freshness.LATE else GREY).ink.of(dark=is_dark)


def _mode(points: list[ft.OffsetValue]) -> cv.PointMode:
    return cv.PointMode.POLYGON if len(points) > 1 else cv.PointMode.POINTS


def _drawn(runs: Runs, last_minute: int, width: int) -> list[list[ft.OffsetValue]]:
    """In logical pixels; what does not change lies in the middle, and noise is not blown up to a mountain."""
    values = [dot.value for run in runs for dot in run]
    if not values:
        return []
    low, high = min(values), max(values)
    span = max(high - low, 0.04 * max(abs(low), abs(high)), 1e-9)
    middle = (low + high) / 2

    def place(dot: Dot) -> ft.OffsetValue:
        x = (dot.minute - last_minute + MINUTES - 1) / (MINUTES - 1) * (width - 2) + 1
        y = (0.5 - (dot.value - middle) / span) * (CURVE_HEIGHT_PX - 4) + 2
        return ft.Offset(round(x, 1), round(y, 1))

    return [[place(dot) for dot in run] for run in runs]
