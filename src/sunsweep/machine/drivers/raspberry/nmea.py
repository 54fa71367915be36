"""NMEA 0183: the position out of a receiver's sentences."""

from functools import reduce
from operator import xor
from typing import Final

from sunsweep.machine.ports import Position

_SIGNS: Final = {"N": 1, "S": -1, "E": 1, "W": -1}


def position_of(sentence: bytes) -> Position | None:
    """Of an RMC sentence whose checksum is right and that says it is valid; None for all others."""
    fields = _fields(sentence)
    if len(fields) < 7 or not fields[0].endswith("RMC") or fields[2] != "A":
        return None
    try:
        lat = _degrees(fields[3], 2) * _SIGNS[fields[4]]
        lon = _degrees(fields[5], 3) * _SIGNS[fields[6]]
    except (ValueError, KeyError):
        return None
    return Position(round(lat, 6), round(lon, 6))


def _fields(sentence: bytes) -> list[str]:
    body, star, checksum = sentence.strip().removeprefix(b"$").partition(b"*")
    try:
        right = bool(star) and int(checksum, 16) == reduce(xor, body, 0)
        return body.decode("ascii").split(",") if right else []
    except ValueError:
        return []


def _degrees(text: str, digits: int) -> float:
    """`ddmm.mmm` or `dddmm.mmm`."""
    return int(text[:digits]) + float(text[digits:]) / 60
