"""Ports for services that a test starts."""

import os
import random
import socket
from collections.abc import Iterator
from typing import Final

_FIRST: Final = 20_000
_A_WORKER: Final = 3_000
"""Workers that run side by side draw from ranges of their own, below those from which the system draws."""


def _drawn() -> Iterator[int]:
    """Each once, for what is to listen there often begins to a while later."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    first = _FIRST + worker * _A_WORKER
    while True:
        yield from random.sample(range(first, first + _A_WORKER), _A_WORKER)


_ports: Final = _drawn()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago, and that this process has not been given before."""
    for port in _ports:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the ports never end")
