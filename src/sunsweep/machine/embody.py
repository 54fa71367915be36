"""From the words of the machine's file to a body."""

from sunsweep.machine.config import ConfigError, MachineConfig
from sunsweep.machine.drivers.registry import driver_of
from sunsweep.machine.ports import BadOptions, Hardware, Surroundings


def hardware_of(config: MachineConfig, surroundings: Surroundings) -> Hardware:
    """Raises `ConfigError` for options that cannot be used, `HardwareError` where the hardware is not there."""
    try:
        return driver_of(config.driver)(config.hardware, surroundings)
    except BadOptions as error:
        raise ConfigError(str(error)) from error
