"""What Ctrl-C means while no loop handles it: the end, at once and without a traceback."""

import os
import signal
from typing import Final

INTERRUPTED: Final = 130


def end_quietly() -> None:
    """From here on SIGINT ends the process; a loop that wants it may take it over."""
    signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    os._exit(INTERRUPTED)
