"""Where the map of the fleet looks, between two drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import flet as ft
import flet_map as fm

from sunsweep.app.live.fleet import Change, Fleet
from sunsweep.app.pages.fleet.clusters import MAX_ZOOM, MIN_ZOOM, Box, Spot, around, fit

FIRST_SIZE: Final = (320.0, 480.0)
"""Before the layout has told the real one."""
ZOOM_STEP: Final = 0.25
"""From which on groups and scale are drawn anew."""
BEYOND: Final = 2.0
"""Times the width and the height of what is seen are drawn, so that a small move shows nothing bare."""


@dataclass(frozen=True, slots=True)
class View:
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


class Steering:
    """No state of the component: not each move is to be drawn."""

    def __init__(self, fleet: Fleet) -> None:
        self.spots = _spots(fleet)
        self.size = FIRST_SIZE
        self.map: ft.Ref[fm.Map] = ft.Ref()
        self.drawn: View | None = None
        """As it was drawn last."""
        self.now: View | None = None
        """As it was moved since."""
        self.is_theirs = False
        """Whether somebody has chosen where to look; until then it is at all machines."""

    def draw(self, fleet: Fleet) -> View | None:
        """What is to be drawn; None where no machine has a position."""
        self.spots = _spots(fleet)
        self.drawn = self.now or self._whole()
        return self.drawn

    def moved(self, event: fm.MapPositionChangeEvent) -> bool:
        """Whether what is drawn does not do any more."""
        camera, center = event.camera, event.camera.center
        self.is_theirs = self.is_theirs or bool(event.has_gesture)
        self.now = View(float(center.latitude), float(center.longitude), float(camera.zoom), *self.size)
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

    def _whole(self) -> View | None:
        if not self.spots:
            return None
        places = [(spot.lat, spot.lon) for spot in self.spots.values()]
        return View(*fit(places, *self.size), *self.size)


def _spots(fleet: Fleet) -> dict[str, Spot]:
    found = ((machine_id, _spot(fleet, machine_id)) for machine_id in fleet.attention)
    return {machine_id: spot for machine_id, spot in found if spot is not None}


def _spot(fleet: Fleet, machine_id: str) -> Spot | None:
    machine, found = fleet.machines.get(machine_id), fleet.attention.get(machine_id)
    if machine is None or found is None or machine.lat is None or machine.lon is None:
        return None
    return Spot(machine_id, machine.lat, machine.lon, found.state)
