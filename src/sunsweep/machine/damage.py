"""What reading back says when the card has kept other bytes than were written."""

from typing import Final

from msgspec import DecodeError

UNREADABLE: Final = (DecodeError, UnicodeDecodeError, RecursionError)
"""Bytes that are no UTF-8 are no `DecodeError`, and a flipped bit makes such bytes."""
