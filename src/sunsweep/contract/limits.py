"""Bounds of the wire contract, each with its unit in its name."""

from typing import Final

MAX_PAYLOAD_BYTES: Final = 64 * 1024
MAX_NESTING: Final = 31
"""Depth of arrays and objects: what MariaDB's JSON takes, and what any stack can write again."""

MAX_STATUS_CHARS: Final = 64
MAX_SERIAL_CHARS: Final = 64
MAX_COMMAND_CHARS: Final = 64
MAX_ACCOUNT_RANGES: Final = 500
MAX_CLOCK_AHEAD_MS: Final = 5 * 60 * 1000
MAX_UNRECEIPTED: Final = 200
"""How many numbered messages a machine may have out without a receipt."""

MAX_BOOT: Final = 2**53 - 1
MAX_SEQ: Final = 2**53 - 1
