"""Bodies a machine can have; a config file names one."""

from collections.abc import Callable
from random import Random
from typing import Final

from sunsweep.machine.drivers.simulated import simulated
from sunsweep.machine.ports import Clock, Hardware

Driver = Callable[[Clock, Random], Hardware]

DRIVERS: Final[dict[str, Driver]] = {"simulated": simulated}
"""By the name in the config file. Third parties' drivers will join through entry points."""
