"""The site as a map that needs nobody: no tiles, only the ground's graticule, a scale, and the machines."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import flet as ft
import flet_map as fm

from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.units import distance
from sunsweep.app.hooks.components import unless_same
from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.hooks.watching import use_changes, use_is_dark, use_machine
from sunsweep.app.live.attention import Attention
from sunsweep.app.live.fleet import Change, Fleet
from sunsweep.app.look.mark import mark, state_ink, state_text
from sunsweep.app.look.parts import named, quiet
from sunsweep.app.model import use_model
from sunsweep.app.pages.fleet.board import Board
from sunsweep.app.pages.fleet.clusters import (
    MAX_ZOOM,
    MIN_ZOOM,
    Box,
    Cluster,
    Spot,
    around,
    clusters,
    fit,
    graticule,
    metres_per_pixel,
    scale_m,
)
from sunsweep.app.words import _, isolate, listed, ngettext

MARK: Final = 34
SCALE_PX: Final = 110
FIRST_SIZE: Final = (320.0, 480.0)
"""Before the layout has told the real one."""
ZOOM_STEP: Final = 0.25
"""From which on groups and scale are drawn anew."""
BEYOND: Final = 2.0
"""Times the width and the height of what is seen are drawn, so that a small move shows nothing bare."""


@dataclass(frozen=True, slots=True)
class _View:
    """Where the map looks, and how large it is."""

    lat: float
    lon: float
    zoom: float
    width: float
    height: float

    @property
    def seen(self) -> Box:
        return around(self.lat, self.lon, self.zoom, self.width, self.height)

    @property
    def around(self) -> Box:
        return around(self.lat, self.lon, self.zoom, self.width * BEYOND, self.height * BEYOND)


class _Steering:
    """Where the map looks, between two drawings; no state of the component, for not each move is to be drawn."""

    def __init__(self, fleet: Fleet) -> None:
        self.spots = _spots(fleet)
        self.size = FIRST_SIZE
        self.map: ft.Ref[fm.Map] = ft.Ref()
        self.drawn: _View | None = None
        """As it was drawn last."""
        self.now: _View | None = None
        """As it was moved since."""
        self.is_theirs = False
        """Whether somebody has chosen where to look; until then it is at all machines."""

    def draw(self, fleet: Fleet) -> _View | None:
        """What is to be drawn; None where no machine has a position."""
        self.spots = _spots(fleet)
        self.drawn = self.now or self._whole()
        return self.drawn

    def moved(self, event: fm.MapPositionChangeEvent) -> bool:
        """Whether what is drawn does not do any more."""
        camera, center = event.camera, event.camera.center
        self.is_theirs = self.is_theirs or bool(event.has_gesture)
        self.now = _View(float(center.latitude), float(center.longitude), float(camera.zoom), *self.size)
        drawn = self.drawn
        return drawn is None or abs(drawn.zoom - self.now.zoom) >= ZOOM_STEP or not drawn.around.holds(self.now.seen)

    @property
    def extent(self) -> tuple[float, ...]:
        """The ends of the ground that the machines stand on."""
        lats, lons = [spot.lat for spot in self.spots.values()], [spot.lon for spot in self.spots.values()]
        return (min(lats), min(lons), max(lats), max(lons)) if lats else ()

    async def sized(self, width: float, height: float) -> None:
        """The layout has told how large the map is."""
        self.size = (width, height)
        await self.follow()

    async def follow(self) -> None:
        """Machines have come, or moved: all of them are shown, unless somebody looks elsewhere."""
        if not self.is_theirs and (whole := self._whole()) is not None:
            await self._look(whole.lat, whole.lon, whole.zoom)

    def is_news(self, fleet: Fleet, change: Change) -> bool:
        """Whether a machine looks different, or stands elsewhere."""
        if change.order:
            return True
        return any(self.spots.get(machine_id) != _spot(fleet, machine_id) for machine_id in change.machine_ids)

    async def show_all(self) -> None:
        self.is_theirs = False
        await self.follow()

    async def show(self, machine_ids: Sequence[str]) -> None:
        """Come so near that these part; on one spot they never do, then at least one comes nearer."""
        places = [(spot.lat, spot.lon) for one in machine_ids if (spot := self.spots.get(one)) is not None]
        if places:
            self.is_theirs = True
            lat, lon, zoom = fit(places, *self.size)
            await self._look(lat, lon, max(zoom, self._zoom() + 1))

    async def nearer(self) -> None:
        await self._by(1)

    async def further(self) -> None:
        await self._by(-1)

    async def _by(self, step: float) -> None:
        if (view := self.now or self.drawn) is not None:
            self.is_theirs = True
            await self._look(view.lat, view.lon, max(MIN_ZOOM, view.zoom + step))

    async def _look(self, lat: float, lon: float, zoom: float) -> None:
        if self.map.current is not None:
            await self.map.current.move_to(fm.MapLatitudeLongitude(lat, lon), min(MAX_ZOOM, zoom))

    def _zoom(self) -> float:
        view = self.now or self.drawn
        return MIN_ZOOM if view is None else view.zoom

    def _whole(self) -> _View | None:
        if not self.spots:
            return None
        places = [(spot.lat, spot.lon) for spot in self.spots.values()]
        return _View(*fit(places, *self.size), *self.size)


@unless_same
@ft.component
def SiteMap(_board: Board) -> ft.Control:
    """The machines where they stand: the whole fleet, whatever the list is filtered by."""
    fleet = use_model().fleet
    steering = use_made(lambda: _Steering(fleet))
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


def _buttons(steering: _Steering) -> ft.Control:
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


def _scale(view: _View) -> ft.Control:
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


def _ground(view: _View) -> fm.PolylineLayer:
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


def _frame(content: ft.Control, steering: _Steering) -> ft.Control:
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


def _spots(fleet: Fleet) -> dict[str, Spot]:
    found = ((machine_id, _spot(fleet, machine_id)) for machine_id in fleet.attention)
    return {machine_id: spot for machine_id, spot in found if spot is not None}


def _spot(fleet: Fleet, machine_id: str) -> Spot | None:
    machine, found = fleet.machines.get(machine_id), fleet.attention.get(machine_id)
    if machine is None or found is None or machine.lat is None or machine.lon is None:
        return None
    return Spot(machine_id, machine.lat, machine.lon, found.state)
