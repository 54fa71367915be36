"""What may be set from afar: intervals and limits, over those of the machine's file. Pure."""

import logging
from collections.abc import Collection, Mapping
from typing import Any, Final

from msgspec.structs import asdict, replace

from sunsweep.contract.built_in import DEFAULTS, INTERVALS, LIMITS, PARAMETERS
from sunsweep.contract.commands import Order
from sunsweep.contract.parameters import BadParameter, check, figure
from sunsweep.machine.config import MachineConfig

Changes = Mapping[str, float]
"""Name -> value: what differs from the file, or may."""

_NOT_ABOVE: Final = (
    ("run_battery_v", "start_battery_v"),
    ("run_water_pct", "start_water_pct"),
    ("start_temp_c", "run_temp_c"),
)
"""A run that may begin may also go on: the first is never the greater one."""
_log = logging.getLogger(__name__)


def values(config: MachineConfig) -> dict[str, float]:
    """All that can be set, as this configuration has it."""
    return {**{name: getattr(config, name) for name in INTERVALS}, **asdict(config.limits)}


def changed_by(file: MachineConfig, before: Changes, params: Mapping[str, Any]) -> dict[str, float]:
    """What differs from the file once `params` are in force too; raises `BadParameter`."""
    check(PARAMETERS[Order.CONFIGURE], params, command=Order.CONFIGURE)
    asked = {name: value for name, value in params.items() if name != DEFAULTS}
    after = asked if params.get(DEFAULTS) else {**before, **asked}
    _check_file(file, asked)
    _check_pairs(values(with_changes(file, after)), asked)
    return after


def with_changes(file: MachineConfig, changes: Changes) -> MachineConfig:
    """The configuration that is in force."""
    intervals = {name: value for name, value in changes.items() if name in INTERVALS}
    limits = {name: value for name, value in changes.items() if name in LIMITS}
    return replace(file, **intervals, limits=replace(file.limits, **limits))


def still_good(file: MachineConfig, kept: Mapping[str, Any]) -> dict[str, float]:
    """Of what was set before this start all that still may be; said as ERROR where something may not."""
    left = dict(kept)
    while True:
        try:
            return changed_by(file, {}, left)
        except BadParameter as error:
            _log.error("set from afar, and not in force any more: %s", error)
            del left[error.field]


def _check_file(file: MachineConfig, asked: Changes) -> None:
    """A machine whose file lies beyond what may be set from afar is another than these limits are made for."""
    own = values(file)
    for name in asked:
        if name in LIMITS and not LIMITS[name].allows(own[name]):
            raise BadParameter(name, f"can only be changed in the machine's file, which says {figure(own[name])}")


def _check_pairs(in_force: Mapping[str, float], asked: Collection[str]) -> None:
    for lower, upper in _NOT_ABOVE:
        if in_force[lower] <= in_force[upper] or not {lower, upper}.intersection(asked):
            continue
        low, high = figure(in_force[lower]), figure(in_force[upper])
        if lower in asked:
            raise BadParameter(lower, f"is {low}; it may not be above {upper}, which is {high}")
        raise BadParameter(upper, f"is {high}; it may not be below {lower}, which is {low}")
