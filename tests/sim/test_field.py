"""The lie of the field."""

from sunsweep.machine.drivers.battery import MAX_V, MIN_V, rest_v
from sunsweep.sim.clock import SiteClock
from sunsweep.sim.field import lay_out
from sunsweep.sim.site import Site
from tests.machine.fakes import FakeClock


def test_the_same_seed_gives_the_same_field_and_a_longer_one_begins_alike() -> None:
    short, long = lay_out(5, seed=3, site=Site()), lay_out(50, seed=3, site=Site())
    assert long[:5] == short
    assert lay_out(5, seed=4, site=Site()) != short


def test_no_two_machines_stand_on_the_same_spot_or_are_built_alike() -> None:
    places = lay_out(200, seed=1, site=Site())
    assert len({(place.lat, place.lon) for place in places}) == 200
    assert len({place.build.roughness for place in places}) == 200
    assert all(abs(place.lat - Site().lat) < 0.05 for place in places)


def test_half_of_them_are_about_to_clean() -> None:
    places = lay_out(20, seed=1, site=Site())
    assert sum(place.first_run_after_s < 600 for place in places) == 10


def test_every_build_is_possible() -> None:
    for place in lay_out(100, seed=9, site=Site()):
        assert MIN_V <= rest_v(place.build.charge) <= MAX_V
        assert 0 < place.build.water_l <= place.build.tank_l
        assert 0.8 <= place.clean <= 1


def test_the_sites_time_runs_as_fast_as_it_is_told() -> None:
    clock = FakeClock()
    site_s = SiteClock(clock, speed=60, start_s=9 * 3600)
    clock.advance(30)
    assert site_s() == 9 * 3600 + 1800
