"""From a driver's table in the file to its own options."""

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import ValidationError, convert

from sunsweep.machine.ports import BadOptions

Options = TypeVar("Options")


def parse_options(options: Mapping[str, Any], kind: type[Options]) -> Options:
    """Checked against `kind`, a struct that forbids unknown fields; raises `BadOptions`."""
    try:
        return convert(options, kind)
    except ValidationError as error:
        words = str(error)
        raise BadOptions(words.replace("`$.", "`hardware.") if "`$" in words else f"{words} - at `hardware`") from error
