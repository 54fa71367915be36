"""One broker per directory, also where its backend was killed."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from sunsweep.mqtt.local_broker.errors import BrokerError

_PREDECESSOR_MAY_TAKE_S: Final = 5.0


class DirectoryLock:
    """Mosquitto inherits the descriptor, so the lock is held until both of us are gone."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._handle: int | None = None

    @property
    def handle(self) -> int:
        assert self._handle is not None
        return self._handle

    def acquire(self) -> None:
        """Blocks a while for a predecessor that still saves; raises `BrokerError`."""
        if self._handle is not None:
            return
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline_s = time.monotonic() + _PREDECESSOR_MAY_TAKE_S
        while not _locked(handle):
            if time.monotonic() > deadline_s:
                os.close(handle)
                raise BrokerError(f"another broker runs in {self._path.parent}")
            time.sleep(0.05)
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
