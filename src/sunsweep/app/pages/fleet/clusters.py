"""Where things stand on a map without tiles: Web Mercator, groups of what would overlap, a graticule, a scale."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import atan, cos, degrees, floor, log, log2, log10, pi, radians, sinh, tan
from typing import Final, NamedTuple

from sunsweep.app.live.attention import RANK
from sunsweep.app.live.attention_state import AttentionState

WORLD_PX: Final = 256.0
"""Width of the world at zoom 0, as everywhere on the web."""
CELL_PX: Final = 56.0
"""Of the grid that groups what stands close together."""
MARK_PX: Final = (48.0, 36.0)
"""Width and height of the mark of a group."""
MAX_LAT: Final = 85.05
"""Where Web Mercator ends."""
MIN_ZOOM: Final = 2.0
MAX_ZOOM: Final = 20.0
_EQUATOR_M: Final = 40_075_016.686


Cell = tuple[int, int]


class Spot(NamedTuple):
    """A machine on the map; degrees, WGS 84."""

    machine_id: str
    lat: float
    lon: float
    state: AttentionState


class Box(NamedTuple):
    """Degrees."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, other: "Box") -> bool:
        return (
            self.south <= other.south
            and self.west <= other.west
            and self.north >= other.north
            and self.east >= other.east
        )


@dataclass(frozen=True, slots=True)
class Cluster:
    """Machines that would overlap, shown as one mark at their middle, in the state of the worst."""

    lat: float
    lon: float
    machine_ids: tuple[str, ...]
    state: AttentionState


def clusters(spots: Iterable[Spot], zoom: float, box: Box | None = None) -> list[Cluster]:
    """By the cells of a grid that is fixed to the ground, so that moving the map regroups nothing; `box` limits it.

    What two cells hold close to their common border still overlaps, so groups that do are joined.
    """
    cells: dict[Cell, list[Spot]] = {}
    scale = WORLD_PX * 2**zoom
    for spot in spots:
        if box is None or (box.south <= spot.lat <= box.north and box.west <= spot.lon <= box.east):
            x, y = project(spot.lat, spot.lon)
            cells.setdefault((floor(x * scale / CELL_PX), floor(y * scale / CELL_PX)), []).append(spot)
    for cell in sorted(cells):
        while (near := _overlapping(cells, cell, scale)) is not None:
            cells[cell] += cells.pop(near)
    return [_cluster(cells[cell]) for cell in sorted(cells)]


def _overlapping(cells: Mapping[Cell, Sequence[Spot]], cell: Cell, scale: float) -> Cell | None:
    """A neighbour whose mark would lie on that of the cell."""
    if cell not in cells:
        return None
    x, y = _middle(cells[cell])
    column, row = cell
    for near in ((column + 1, row), (column, row + 1), (column + 1, row + 1), (column - 1, row + 1)):
        if near in cells:
            near_x, near_y = _middle(cells[near])
            if abs(near_x - x) * scale < MARK_PX[0] and abs(near_y - y) * scale < MARK_PX[1]:
                return near
    return None


def _middle(spots: Sequence[Spot]) -> tuple[float, float]:
    points = [project(spot.lat, spot.lon) for spot in spots]
    return sum(x for x, _y in points) / len(points), sum(y for _x, y in points) / len(points)


def _cluster(spots: Sequence[Spot]) -> Cluster:
    return Cluster(
        sum(spot.lat for spot in spots) / len(spots),
        sum(spot.lon for spot in spots) / len(spots),
        tuple(sorted(spot.machine_id for spot in spots)),
        min((spot.state for spot in spots), key=RANK.__getitem__),
    )


def project(lat: float, lon: float) -> tuple[float, float]:
    """Shares of the world's width, from its north-west corner."""
    lat = max(-MAX_LAT, min(MAX_LAT, lat))
    return lon / 360 + 0.5, 0.5 - log(tan(pi / 4 + radians(lat) / 2)) / (2 * pi)


def unproject(x: float, y: float) -> tuple[float, float]:
    """Latitude and longitude; `project` the other way."""
    return degrees(atan(sinh(pi * (1 - 2 * y)))), (x - 0.5) * 360


def fit(places: Sequence[tuple[float, float]], width: float, height: float) -> tuple[float, float, float]:
    """Latitude, longitude and zoom that show all places on so many pixels, with a margin for the markers."""
    points = [project(lat, lon) for lat, lon in places]
    west, east = min(x for x, _y in points), max(x for x, _y in points)
    north, south = min(y for _x, y in points), max(y for _x, y in points)
    lat, lon = unproject((west + east) / 2, (north + south) / 2)
    room = [(max(64.0, width - 2 * CELL_PX), east - west), (max(64.0, height - 2 * CELL_PX), south - north)]
    zooms = [log2(pixels / (share * WORLD_PX)) for pixels, share in room if share > 0]
    return lat, lon, max(MIN_ZOOM, min([MAX_ZOOM - 2, *zooms]))


def around(lat: float, lon: float, zoom: float, width: float, height: float) -> Box:
    """What so many pixels show."""
    x, y = project(lat, lon)
    half_x, half_y = (pixels / 2 / (WORLD_PX * 2**zoom) for pixels in (width, height))
    north, west = unproject(x - half_x, y - half_y)
    south, east = unproject(x + half_x, y + half_y)
    return Box(max(-MAX_LAT, south), max(-180.0, west), min(MAX_LAT, north), min(180.0, east))


def metres_per_pixel(lat: float, zoom: float) -> float:
    return _EQUATOR_M * cos(radians(lat)) / (WORLD_PX * 2**zoom)


def scale_m(lat: float, zoom: float, longest_px: float) -> float:
    """A round number of metres, 1, 2 or 5 times a power of ten, that is no longer than so many pixels."""
    longest = longest_px * metres_per_pixel(lat, zoom)
    power = 10.0 ** floor(log10(longest))
    return next(step * power for step in (5, 2, 1) if step * power <= longest * 1.000_001)


_STEPS: Final = tuple(step * 10.0**-power for power in range(5, -2, -1) for step in (1, 2, 5))


def graticule(box: Box, most: int = 8) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Meridians and parallels over the box, each as two places; at most so many either way."""
    step = next((step for step in _STEPS if (box.east - box.west) / step <= most), 45.0)
    meridians = [((box.south, lon), (box.north, lon)) for lon in _multiples(box.west, box.east, step)]
    parallels = [((lat, box.west), (lat, box.east)) for lat in _multiples(box.south, box.north, step)]
    return [*meridians, *parallels]


def _multiples(low: float, high: float, step: float) -> Iterable[float]:
    return (index * step for index in range(-floor(-low / step), floor(high / step) + 1))
