"""Mosquitto's words as our log lines."""

import logging
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from sunsweep.mqtt.local_broker.refusals import RefusedLogins
from sunsweep.mqtt.port import OnConnected, unheeded

logger = logging.getLogger(__name__)

_NEW: Final = re.compile(r"New connection from (\S+):(\d+) on port \d+\.")
_WELCOME: Final = re.compile(r"New client connected from (\S+):(\d+) as ")
# A clientid is anything at all. One with a quote could end the line as somebody else's, and one that is long could have
# mosquitto cut the line (at 999 bytes) where it pleases; neither tells a name.
_NAME: Final = re.compile(r"New client connected from \S+ as [^']* \(p\d+, c[01], k\d+, u'([^']+)'\)\.")
_MAX_NAMED_BYTES: Final = 900
_REFUSED: Final = "Client <unknown> disconnected, not authorised."
_LEFT: Final = "Client <unknown> "
_EXPECTED: Final = ("Note:", "Warning: Mosquitto should not be run as root")
_MAX_UNDECIDED: Final = 1000
_MAX_NAMED: Final = 3
_DECIDED_WITHIN_S: Final = 10
"""A connection that has said nothing for longer is not the one just refused."""


class _Peer(NamedTuple):
    address: str
    port: str
    opened_s: float


class BrokerLog:
    """A refusal names no address: it is taken from the connections that have opened and are not yet decided."""

    def __init__(
        self,
        refused: RefusedLogins,
        *,
        on_connected: OnConnected = unheeded,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refused = refused
        self._on_connected = on_connected
        self._monotonic_s = monotonic_s
        self._undecided: deque[_Peer] = deque(maxlen=_MAX_UNDECIDED)

    def line(self, text: str) -> None:
        if match := _NEW.match(text):
            self._undecided.append(_Peer(match[1], match[2], self._monotonic_s()))
        elif match := _WELCOME.match(text):
            self._decided(match[1], match[2])
            self._name(text)
        elif text == _REFUSED:
            self._refused.seen(self._suspects())
            return
        elif text.startswith(_LEFT) and self._undecided:
            self._undecided.popleft()
        logger.log(_level(text), "mosquitto: %s", text)

    def _decided(self, address: str, port: str) -> None:
        for peer in self._undecided:
            if (peer.address, peer.port) == (address, port):
                self._undecided.remove(peer)
                return

    def _name(self, text: str) -> None:
        match = _NAME.fullmatch(text)
        if match is not None and len(text.encode(errors="replace")) <= _MAX_NAMED_BYTES:
            self._on_connected(match[1])

    def _suspects(self) -> str:
        """The address, or several where connections of several were open; mosquitto mostly decides in their order."""
        since_s = self._monotonic_s() - _DECIDED_WITHIN_S
        while len(self._undecided) > 1 and self._undecided[0].opened_s < since_s:
            self._undecided.popleft()
        addresses = list(dict.fromkeys(peer.address for peer in self._undecided))
        if self._undecided:
            self._undecided.popleft()
        return " or ".join(addresses[:_MAX_NAMED]) or "an unknown address"


def _level(text: str) -> int:
    if text.startswith("Error"):
        return logging.ERROR
    if text.startswith(_EXPECTED):
        return logging.DEBUG
    if text.startswith("Warning") or "being dropped" in text:
        return logging.WARNING
    return logging.DEBUG
