"""The site as a map that needs nobody: no tiles, only the ground's graticule, a scale, and the machines."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import flet as ft
import flet_map as fm

from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.units import distance
from sunsweep.app.hooks.components import unless_same
from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.hooks.watching import use_changes, use_is_dark, use_machine
from sunsweep.app.live.attention import Attention
from sunsweep.app.live.fleet import Fleet
from sunsweep.app.look.mark import mark, state_ink, state_text
from sunsweep.app.look.parts import named, quiet
from sunsweep.app.model import use_model
from sunsweep.app.pages.fleet.board import Board
from sunsweep.app.pages.fleet.clusters import (
    MAX_ZOOM,
    MIN_ZOOM,
    Cluster,
    clusters,
    graticule,
    metres_per_pixel,
    scale_m,
)
from sunsweep.app.pages.fleet.steering import Steering, View
from sunsweep.app.words import _, isolate, listed, ngettext

MARK: Final = 34
SCALE_PX: Final = 110


@unless_same
@ft.component
def SiteMap(_board: Board) -> ft.Control:
    """The machines where they stand: the whole fleet, whatever the list is filtered by."""
    fleet = use_model().fleet
    steering = use_made(lambda: Steering(fleet))
    chosen, choose = ft.use_state("")
    redraw = use_redraw()
    is_dark = use_is_dark()
    use_changes(fleet, lambda change: steering.is_news(fleet, change))
    view = steering.draw(fleet)
    ft.use_effect(steering.follow, [steering.extent])
    without = len(fleet.attention) - len(steering.spots)
    if view is None:
        return _frame(_nowhere(without), steering)

    async def touched(cluster: Cluster) -> None:
        if len(cluster.machine_ids) == 1:
            choose(cluster.machine_ids[0])
        else:
            await steering.show(cluster.machine_ids)

    def moved(event: fm.MapPositionChangeEvent) -> None:
        if steering.moved(event):
            redraw()

    marks = [
        _marker(fleet, cluster, touched, is_dark=is_dark)
        for cluster in clusters(steering.spots.values(), view.zoom, view.around)
    ]
    drawing = fm.Map(
        ref=steering.map,
        layers=[_ground(view), fm.MarkerLayer(marks)],
        initial_center=fm.MapLatitudeLongitude(view.lat, view.lon),
        initial_zoom=view.zoom,
        min_zoom=MIN_ZOOM,
        max_zoom=MAX_ZOOM,
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
        interaction_configuration=fm.InteractionConfiguration(
            flags=fm.InteractionFlag.ALL & ~fm.InteractionFlag.ROTATE
        ),
        on_position_change=moved,
        on_tap=lambda: choose(""),
        expand=True,
    )
    foot = ft.Column(
        [
            *([Chosen(chosen)] if chosen else []),
            ft.Row([_scale(view), *([_without(without)] if without else [])], spacing=12, wrap=True),
        ],
        spacing=8,
        tight=True,
    )
    return _frame(
        ft.Stack(
            [
                ft.Container(drawing, left=0, right=0, top=0, bottom=0),
                ft.Container(_buttons(steering), top=8, right=8),
                ft.Container(foot, left=8, right=8, bottom=8),
            ],
            expand=True,
        ),
        steering,
    )


@ft.component
def Chosen(machine_id: str) -> ft.Control:
    """Who was touched on the map, and the way to it."""
    model = use_model()
    machine, is_dark = use_machine(machine_id), use_is_dark()
    found = model.fleet.attention.get(machine_id)
    if machine is None or found is None:
        return ft.Container()
    return ft.Container(
        ft.Row(
            [
                mark(found, is_dark=is_dark),
                ft.Column(
                    [
                        ft.Text(
                            isolate(machine.name or machine_id),
                            weight=ft.FontWeight.W_600,
                            max_lines=1,
                            overflow=ft.TextOverflow.ELLIPSIS,
                        ),
                        ft.Text(state_text(found), color=state_ink(found, is_dark=is_dark), size=13, max_lines=1),
                    ],
                    spacing=0,
                    tight=True,
                    expand=True,
                ),
                named(
                    "map-open",
                    ft.FilledTonalButton(_("Open"), on_click=lambda: model.go(f"/machines/{machine_id}")),
                ),
            ],
            spacing=10,
        ),
        padding=10,
        border_radius=12,
        bgcolor=ft.Colors.SURFACE_CONTAINER_HIGH,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
    )


def _marker(
    fleet: Fleet, cluster: Cluster, on_open: Callable[[Cluster], Awaitable[None]], *, is_dark: bool
) -> fm.Marker:
    ground = ft.Colors.SURFACE_CONTAINER_LOWEST
    first = cluster.machine_ids[0]
    count = len(cluster.machine_ids)
    if count == 1:
        found = fleet.attention[first]
        sign = mark(found, is_dark=is_dark, size=MARK, ground=ground)
        name, tooltip = (
            f"map-machine-{first}",
            listed([isolate(fleet.machines[first].name or first), state_text(found)]),
        )
        wide: float = MARK
    else:
        worst = Attention(cluster.state, needed=False)
        figure = ft.Text(number(count), size=13, weight=ft.FontWeight.W_700, no_wrap=True)
        sign = ft.Container(
            ft.Row([mark(worst, is_dark=is_dark, size=MARK - 8), figure], spacing=3, tight=True),
            padding=ft.Padding.symmetric(horizontal=4, vertical=3),
            height=MARK,
            border_radius=MARK / 2,
            bgcolor=ground,
            border=ft.Border.all(1.5, state_ink(worst, is_dark=is_dark)),
        )
        worst_words = ngettext("{n} machine, the worst: {state}", "{n} machines, the worst: {state}", count)
        name, tooltip = f"map-group-{first}", worst_words.format(n=number(count), state=state_text(worst))
        wide = MARK + 10 + 8 * len(number(count))

    async def touched() -> None:
        await on_open(cluster)

    return fm.Marker(
        named(name, ft.Container(sign, tooltip=tooltip, on_click=touched), label=tooltip),
        fm.MapLatitudeLongitude(cluster.lat, cluster.lon),
        width=wide,
        height=MARK,
    )


def _buttons(steering: Steering) -> ft.Control:
    def button(name: str, icon: ft.IconData, tooltip: str, on_click: Callable[[], Any]) -> ft.Control:
        return named(
            name,
            ft.IconButton(
                icon,
                tooltip=tooltip,
                icon_size=20,
                bgcolor=ft.Colors.SURFACE_CONTAINER_HIGH,
                on_click=on_click,
            ),
        )

    return ft.Column(
        [
            button("map-all", ft.Icons.ZOOM_OUT_MAP, _("Show all machines"), steering.show_all),
            button("map-nearer", ft.Icons.ADD, _("Nearer"), steering.nearer),
            button("map-further", ft.Icons.REMOVE, _("Further away"), steering.further),
        ],
        spacing=4,
        tight=True,
    )


def _scale(view: View) -> ft.Control:
    metres = scale_m(view.lat, view.zoom, SCALE_PX)
    ink = ft.BorderSide(1.5, ft.Colors.ON_SURFACE_VARIANT)
    return ft.Column(
        [
            ft.Text(distance(metres), size=11, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Container(
                width=metres / metres_per_pixel(view.lat, view.zoom),
                height=5,
                border=ft.Border(left=ink, right=ink, bottom=ink),
            ),
        ],
        spacing=1,
        tight=True,
    )


def _without(count: int) -> ft.Control:
    words = ngettext("{n} without a position", "{n} without a position", count).format(n=number(count))
    return named("map-without", ft.Text(words, size=12, color=ft.Colors.ON_SURFACE_VARIANT))


def _nowhere(without: int) -> ft.Control:
    return ft.Container(
        ft.Column(
            [
                ft.Icon(ft.Icons.LOCATION_OFF_OUTLINED, size=32, color=ft.Colors.OUTLINE),
                quiet(_("No machine has a position yet")),
                _without(without),
            ],
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            tight=True,
        ),
        alignment=ft.Alignment.CENTER,
        expand=True,
    )


def _ground(view: View) -> fm.PolylineLayer:
    """The graticule: without tiles the eye needs something that moves with the map."""
    lines = [
        fm.PolylineMarker(
            [fm.MapLatitudeLongitude(*start), fm.MapLatitudeLongitude(*end)],
            color=ft.Colors.OUTLINE_VARIANT,
            stroke_width=1,
        )
        for start, end in graticule(view.around, most=12)
    ]
    return fm.PolylineLayer(lines)


def _frame(content: ft.Control, steering: Steering) -> ft.Control:
    async def sized(event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        await steering.sized(event.width, event.height)

    return named(
        "fleet-map",
        ft.Container(
            content,
            border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
            border_radius=12,
            clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
            bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
            expand=True,
            size_change_interval=200,
            on_size_change=sized,
        ),
    )
