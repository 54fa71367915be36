"""Ports for services that a test starts."""

import os
import random
import socket
from typing import Final

_FIRST: Final = 20_000
_A_WORKER: Final = 3_000
"""Workers that run side by side draw from ranges of their own, below those from which the system draws."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    while True:
        port = _FIRST + worker * _A_WORKER + random.randrange(_A_WORKER)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
