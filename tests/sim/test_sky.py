"""The sun over the field: believable by the hour."""

import sys
from pathlib import Path

import msgspec
import pytest

from sunsweep.sim import almanac
from sunsweep.sim.almanac import NoSky, sky_table
from sunsweep.sim.clear_sky import clear_day
from sunsweep.sim.site import Site
from sunsweep.sim.sky import DAY_S, SkyTable, TableSky

HOUR_S = 3600.0
ALL_S = 10_000.0
"""More power than any panel has."""


@pytest.fixture(scope="module")
def table() -> SkyTable:
    return clear_day(Site())


@pytest.fixture
def sky(table: SkyTable) -> TableSky:
    return TableSky(table)


def test_noon_beats_morning_beats_dawn(sky: TableSky) -> None:
    dawn, morning, noon = (sky.panel(hour * HOUR_S, ALL_S).watts for hour in (6, 9, 12))
    assert 0 < dawn < morning < noon


def test_the_night_gives_nothing(sky: TableSky) -> None:
    for hour in (0, 2, 4, 20, 22, 24):
        assert sky.panel(hour * HOUR_S, ALL_S) == (0.0, 0.0)


def test_volts_and_amps_stay_within_the_panels_ratings(sky: TableSky) -> None:
    for minute in range(0, 24 * 60, 7):
        for demand_w in (0.0, 5.0, 40.0, ALL_S):
            point = sky.panel(minute * 60.0, demand_w)
            assert 0 <= point.volts <= 24.5
            assert 0 <= point.amps <= 6.3
            assert point.watts <= max(demand_w * 1.000001, 0) or demand_w == ALL_S
            assert point.watts <= 115


def test_a_panel_nobody_draws_from_shows_its_open_voltage(sky: TableSky) -> None:
    loaded, light, idle = (sky.panel(12 * HOUR_S, demand_w) for demand_w in (ALL_S, 30.0, 0.0))
    assert loaded.volts < light.volts < idle.volts
    assert light.watts == pytest.approx(30.0)
    assert idle.amps == 0


def test_dust_costs_current(table: SkyTable) -> None:
    clean, dusty = TableSky(table), TableSky(table, clean=0.8)
    assert dusty.panel(43_200, ALL_S).amps == pytest.approx(0.8 * clean.panel(43_200, ALL_S).amps)


def test_every_day_is_like_the_first(sky: TableSky) -> None:
    assert sky.panel(10 * HOUR_S, ALL_S) == sky.panel(10 * HOUR_S + 3 * DAY_S, ALL_S)
    assert sky.air_c(15 * HOUR_S) > sky.air_c(4 * HOUR_S)


def test_winter_is_darker_and_the_south_has_its_summer_then() -> None:
    noon_w = {
        (lat, month): TableSky(clear_day(Site(lat=lat, day=Site().day.replace(month=month)))).panel(43_200, ALL_S).watts
        for lat in (50.0, -35.0)
        for month in (6, 12)
    }
    assert noon_w[50.0, 6] > 2 * noon_w[50.0, 12]
    assert noon_w[-35.0, 12] > noon_w[-35.0, 6]


async def test_the_table_is_made_once_and_then_read(
    tmp_path: Path, table: SkyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await sky_table(Site(), cache=tmp_path / "cache")
    assert made == table
    monkeypatch.setattr(almanac, "_make", None)
    assert await sky_table(Site(), cache=tmp_path / "cache") == made


async def test_a_spoilt_table_is_made_again(tmp_path: Path, table: SkyTable, monkeypatch: pytest.MonkeyPatch) -> None:
    async def make(_: Site) -> bytes:
        return msgspec.json.encode(table)

    monkeypatch.setattr(almanac, "_make", make)
    (tmp_path / f"sky-1-{Site().name}.json").write_text("{")
    assert await sky_table(Site(), cache=tmp_path) == table


async def test_without_pvlib_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(NoSky, match="no clear day: it ended with 1"):
        await sky_table(Site())
