"""Which drivers are installed: entry points, so that a third party's needs no change here."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from sunsweep.machine.ports import BadOptions, Driver

GROUP: Final = "sunsweep.drivers"


def driver_names() -> list[str]:
    """What `driver` in the file may say."""
    return sorted(entry_points(group=GROUP).names)


def driver_of(name: str) -> Driver:
    """Its code is imported only now. Raises `BadOptions` where it cannot be."""
    (entry,) = entry_points(group=GROUP, name=name)
    return _load(entry)


def _load(entry: EntryPoint) -> Driver:
    try:
        return cast("Driver", entry.load())
    except (ImportError, AttributeError) as error:
        raise BadOptions(
            f"the driver {entry.name!r} ({entry.value}) cannot be loaded: {error} - at `driver`"
        ) from error
