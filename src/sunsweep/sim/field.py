"""Rows of panels, a machine on each; every one a little different, and the same again for the same seed."""

from math import cos, radians
from random import Random
from typing import Final

from msgspec import Struct

from sunsweep.machine.drivers.body import Build
from sunsweep.sim.site import Site

MACHINES_PER_LINE: Final = 10
ROW_LENGTH_M: Final = 140.0
ROW_PITCH_M: Final = 9.0
_M_PER_DEGREE: Final = 111_320.0


class Place(Struct, frozen=True):
    """A machine's row in the field, and what is particular about it."""

    row: int
    lat: float
    lon: float
    build: Build
    clean: float
    """Share of light that dust and mounting leave its panel."""
    first_run_after_s: float
    """Site time from the beginning until its own first run."""


def lay_out(count: int, *, seed: int, site: Site) -> list[Place]:
    """As many places as asked for; the first ones stay the same when more are added."""
    return [_place(number, Random(f"{seed}/{number}"), site) for number in range(count)]  # noqa: S311  no secret


def _place(number: int, random: Random, site: Site) -> Place:
    line, column = divmod(number, MACHINES_PER_LINE)
    early = number % 2 == 0
    north_m = -line * ROW_PITCH_M
    east_m = column * ROW_LENGTH_M + random.uniform(-3, 3)
    return Place(
        row=number + 1,
        lat=round(site.lat + north_m / _M_PER_DEGREE, 6),
        lon=round(site.lon + east_m / (_M_PER_DEGREE * cos(radians(site.lat))), 6),
        build=_build(random, early=early),
        clean=random.uniform(0.85, 0.99),
        first_run_after_s=random.uniform(0, 120) if early else random.uniform(1800, 9000),
    )


def _build(random: Random, *, early: bool) -> Build:
    tank_l = random.choice((50.0, 60.0, 60.0, 80.0))
    return Build(
        capacity_ah=random.choice((40.0, 40.0, 50.0)) * random.uniform(0.9, 1.0),
        charge=random.uniform(0.75, 0.95) if early else random.uniform(0.35, 0.65),
        tank_l=tank_l,
        water_l=tank_l * (random.uniform(0.8, 1.0) if early else random.uniform(0.3, 0.9)),
        row_m2=random.uniform(600, 1100),
        way_home_s=random.uniform(60, 240),
        spin_up_s=random.uniform(3, 6),
        roughness=random.uniform(0.9, 1.3),
    )
