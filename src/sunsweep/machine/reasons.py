"""Why there is no connection, in words for whoever stands in front of the machine."""

import errno
import socket
import ssl
from datetime import UTC, datetime
from typing import Final

from aiomqtt import MqttError
from paho.mqtt.client import WebsocketConnectionError

from sunsweep.machine.dial import ProxyError
from sunsweep.machine.endpoint import Endpoint, HttpProxy

# Of OpenSSL's x509_vfy.h.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNKNOWN_AUTHORITY: Final = frozenset({2, 18, 19, 20, 21, 27})
_WRONG_NAME: Final = frozenset({62, 64})

CLOSED: Final = "the connection was closed before the broker answered"


def in_words(error: MqttError, endpoint: Endpoint, proxy: HttpProxy | None, *, now_ms: int) -> str:
    """The library keeps what happened as the context of its own error."""
    cause = error.__cause__ or error.__context__
    match cause:
        case ssl.SSLCertVerificationError():
            return _certificate(cause, endpoint, now_ms)
        case ProxyError():
            return f"the proxy {proxy} {cause}"
        case WebsocketConnectionError():
            return f"it does not speak MQTT over WebSocket at {endpoint.path}"
    words = _network(cause) or str(error)
    if proxy is not None:
        return f"{words} (through the proxy {proxy})"
    if endpoint.tls and words == CLOSED:
        return f"{words}; it may want a client certificate, or another one"
    return words


def _network(cause: BaseException | None) -> str | None:
    match cause:
        case ssl.SSLError():
            return f"no TLS with what answers there ({(cause.reason or str(cause)).replace('_', ' ').lower()})"
        case socket.gaierror():
            return "nobody knows this name: is the network up, and the name right?"
        case ConnectionRefusedError():
            return "nothing listens there"
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            return "there is no way to it from this network"
        case TimeoutError():
            return "no answer"
    return None


def _certificate(error: ssl.SSLCertVerificationError, endpoint: Endpoint, now_ms: int) -> str:
    code = error.verify_code
    clock = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    if code in _UNKNOWN_AUTHORITY:
        return "this machine does not know the authority that signed its certificate; name its CA in ca_file"
    if code in _WRONG_NAME:
        return f"its certificate is not for {endpoint.host}"
    if code == _EXPIRED:
        return f"its certificate has expired, or this machine's clock is wrong ({clock})"
    if code == _NOT_YET_VALID:
        return f"its certificate is not valid yet: this machine's clock is wrong ({clock})"
    return f"its certificate is no good: {error.verify_message}"
