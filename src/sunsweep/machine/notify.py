"""Tells systemd how the program is: ready, alive, ending. Without systemd it tells nobody."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

_BEATS: Final = 4
"""Signs of life within systemd's patience."""


class Notifier:
    """Speaks over the datagram socket that systemd names; a lost word only costs a restart."""

    def __init__(
        self, environ: Mapping[str, str] = os.environ, *, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._every_s = int(environ.get("WATCHDOG_USEC") or 0) / 1e6 / _BEATS
        self._monotonic_s = monotonic_s
        self._said_s = float("-inf")

    def ready(self) -> None:
        self._say("READY=1")

    def alive(self) -> None:
        """Called at every look at the hardware, so that a program which has stopped looking is started again."""
        now_s = self._monotonic_s()
        if self._every_s and now_s - self._said_s >= self._every_s:
            self._said_s = now_s
            self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if not self._path:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.connect(self._path)
            sender.send(words.encode())
