"""The driver `raspberry`: a machine built of common chips and relays on a Raspberry Pi."""

from collections.abc import Mapping
from typing import Any

from sunsweep.machine.drivers.options import parse_options
from sunsweep.machine.drivers.raspberry.build import Board, build
from sunsweep.machine.drivers.raspberry.options import HardwareOptions
from sunsweep.machine.drivers.raspberry.pins import NEEDS_EXTRA, lgpio_factory
from sunsweep.machine.ports import BadOptions, Hardware, Surroundings


def raspberry(options: Mapping[str, Any], surroundings: Surroundings) -> Hardware:
    """See docs/hardware.md for the options."""
    given = parse_options(options, HardwareOptions)
    try:
        from smbus2 import SMBus  # noqa: PLC0415  on machines with this driver only
    except ImportError as error:
        raise BadOptions(f"{NEEDS_EXTRA} ({error})") from error
    return build(given, surroundings.clock, Board(lgpio_factory(), SMBus))
