"""The map's arithmetic."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.live.attention_state import AttentionState
from sunsweep.app.pages.fleet.clusters import (
    MARK_PX,
    WORLD_PX,
    Box,
    Spot,
    around,
    clusters,
    fit,
    graticule,
    project,
    scale_m,
    unproject,
)

LATITUDES, LONGITUDES = st.floats(-80, 80), st.floats(-179, 179)
SPOTS = st.lists(
    st.builds(
        lambda n, lat, lon, state: Spot(f"M-{n}", lat, lon, state),
        st.integers(0, 999),
        st.floats(37.40, 37.50),
        st.floats(-6.30, -6.20),
        st.sampled_from(AttentionState),
    ),
    unique_by=lambda spot: spot.machine_id,
    max_size=60,
)


@given(LATITUDES, LONGITUDES)
def test_projecting_there_and_back(lat: float, lon: float) -> None:
    assert unproject(*project(lat, lon)) == pytest.approx((lat, lon), abs=1e-6)


@given(SPOTS, st.floats(2, 20))
def test_every_machine_is_in_one_group_in_the_state_of_its_worst(spots: list[Spot], zoom: float) -> None:
    groups = clusters(spots, zoom)
    assert sorted(one for group in groups for one in group.machine_ids) == sorted(spot.machine_id for spot in spots)
    states = {spot.machine_id: spot.state for spot in spots}
    order = list(AttentionState)
    for group in groups:
        assert group.state is min((states[one] for one in group.machine_ids), key=order.index)


def test_marks_do_not_hide_each_other() -> None:
    spots = [Spot(f"M-{n}", 37.44, -6.25 + n * 0.0004, AttentionState.WORKING) for n in range(200)]
    for zoom in (11.0, 13.5, 16.0, 18.25):
        xs = sorted(project(group.lat, group.lon)[0] * WORLD_PX * 2**zoom for group in clusters(spots, zoom))
        assert all(b - a >= MARK_PX[0] for a, b in itertools.pairwise(xs)), zoom


def test_coming_nearer_parts_a_group() -> None:
    spots = [Spot(f"M-{n}", 37.44 + n * 0.001, -6.25, AttentionState.IDLE) for n in range(5)]
    assert len(clusters(spots, 5)) == 1
    assert len(clusters(spots, 19)) == 5


def test_moving_the_map_regroups_nothing() -> None:
    spots = [Spot(f"M-{n}", 37.44, -6.25 + n * 0.0003, AttentionState.IDLE) for n in range(50)]
    whole = {group.machine_ids for group in clusters(spots, 15)}
    part = {group.machine_ids for group in clusters(spots, 15, Box(37, -6.25, 38, -6.2415))}
    assert len(part - whole) <= 1, "only the one that the edge cuts"


@given(st.lists(st.tuples(LATITUDES, LONGITUDES), min_size=1, max_size=20))
def test_fitting_shows_all(places: list[tuple[float, float]]) -> None:
    lat, lon, zoom = fit(places, 400, 500)
    if zoom > 2:
        box = around(lat, lon, zoom, 400, 500)
        assert all(box.south <= y <= box.north and box.west <= x <= box.east for y, x in places)


def test_one_machine_is_not_shown_from_within() -> None:
    assert fit([(37.44, -6.25)], 400, 500) == pytest.approx((37.44, -6.25, 18.0))


@given(st.floats(-80, 80), st.floats(2, 20))
def test_the_scale_is_a_round_figure(lat: float, zoom: float) -> None:
    metres = scale_m(lat, zoom, 110)
    assert round(metres / 10 ** math.floor(math.log10(metres) + 1e-9)) in {1, 2, 5}


@given(LATITUDES, LONGITUDES, st.floats(2, 20))
def test_the_graticule_has_few_lines_within_the_box(lat: float, lon: float, zoom: float) -> None:
    box = around(lat, lon, zoom, 400, 500)
    lines = graticule(box)
    assert len(lines) < 80
    for (south, west), (north, east) in lines:
        assert box.south - 1e-9 <= south <= north <= box.north + 1e-9
        assert box.west - 1e-9 <= west <= east <= box.east + 1e-9
