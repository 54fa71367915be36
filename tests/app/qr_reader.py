"""Reads small QR codes (ISO/IEC 18004) from their modules: versions 1 to 3 in one block, alphanumeric, undamaged."""

import re
from collections.abc import Callable
from typing import Final

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_MASKS: Final[tuple[Callable[[int, int], int], ...]] = (
    lambda y, x: (y + x) % 2,
    lambda y, _x: y % 2,
    lambda _y, x: x % 3,
    lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
)
_FORMAT_MASK: Final = 0b101010000010010
_ALPHANUMERIC: Final = 0b0010
_COUNT_BITS: Final = 9


def read_qr(rows: list[list[bool]]) -> str:
    side = len(rows)
    assert side in (21, 25, 29), side
    mask = _mask(rows)
    bits = "".join(str(int(rows[y][x] ^ (mask(y, x) == 0))) for y, x in _path(side))
    assert int(bits[:4], 2) == _ALPHANUMERIC
    count, at, text = int(bits[4 : 4 + _COUNT_BITS], 2), 4 + _COUNT_BITS, ""
    while len(text) + 1 < count:
        first, second = divmod(int(bits[at : at + 11], 2), 45)
        text, at = text + _LETTERS[first] + _LETTERS[second], at + 11
    return text + _LETTERS[int(bits[at : at + 6], 2)] if len(text) < count else text


def dark_units(picture: bytes) -> set[tuple[int, int]]:
    """The unit squares that the last path of the picture fills."""
    path = re.findall(r'<path fill="#000000" d="([^"]*)"', picture.decode())[-1]
    squares = re.findall(r"M(\d+) (\d+)h1v1h-1z", path)
    assert "".join(f"M{x} {y}h1v1h-1z" for x, y in squares) == path
    return {(int(x), int(y)) for x, y in squares}


def _mask(rows: list[list[bool]]) -> Callable[[int, int], int]:
    """The format's bits stand around the finder at the top left."""
    bits = [rows[8][x] for x in (0, 1, 2, 3, 4, 5, 7, 8)] + [rows[y][8] for y in (7, 5, 4, 3, 2, 1, 0)]
    value = int("".join(str(int(bit)) for bit in bits), 2) ^ _FORMAT_MASK
    return _MASKS[value >> 10 & 0b111]


def _path(side: int) -> list[tuple[int, int]]:
    """Data modules in their order: pairs of columns from the right, up and down in turn, the timing column left out."""
    found: list[tuple[int, int]] = []
    going_up = True
    for right in [*range(side - 1, 6, -2), *range(5, 0, -2)]:
        for y in reversed(range(side)) if going_up else range(side):
            found += [(y, x) for x in (right, right - 1) if not _is_function(y, x, side)]
        going_up = not going_up
    return found


def _is_function(y: int, x: int, side: int) -> bool:
    is_finder = (y < 9 and x < 9) or (y < 9 and x >= side - 8) or (y >= side - 8 and x < 9)
    is_alignment = side > 21 and abs(y - (side - 7)) <= 2 and abs(x - (side - 7)) <= 2
    return is_finder or is_alignment or y == 6 or x == 6
