"""A body that is not there, on a bench supply that one sets."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from sunsweep.machine.drivers.bench_sky import BenchSky
from sunsweep.machine.drivers.body import Body, Build
from sunsweep.machine.drivers.options import parse_options
from sunsweep.machine.drivers.simulated import embody, morning_clock
from sunsweep.machine.ports import Hardware, Surroundings


class Bench(Struct, frozen=True, forbid_unknown_fields=True):
    """The supply's volts and limit of current, the room's air, and the machine under test."""

    volts: float = 18.0
    max_amps: float = 5.0
    air_c: float = 21.0
    build: Build = Build()


def bench(options: Mapping[str, Any], surroundings: Surroundings) -> Hardware:
    """The driver `bench`."""
    given = parse_options(options, Bench)
    sky = BenchSky(volts=given.volts, max_amps=given.max_amps, air_c=given.air_c)
    return embody(Body(given.build, sky, morning_clock(surroundings.clock), surroundings.random))
