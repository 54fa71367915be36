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

_NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
_OF_THE_NETWORK: Final = (
    (socket.gaierror, "nobody knows this name: is the network up, and the name right?"),
    (ConnectionRefusedError, "nothing listens there"),
    (TimeoutError, "no answer"),
)

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
    words = _network(cause, endpoint) or str(error)
    if endpoint.tls and words == CLOSED:
        return f"{words}; it may want a client certificate, or another one"
    return words


def _network(cause: BaseException | None, endpoint: Endpoint) -> str | None:
    if isinstance(cause, ssl.SSLError):
        return f"no TLS with what answers there ({(cause.reason or str(cause)).replace('_', ' ').lower()})"
    if isinstance(cause, ConnectionResetError) and endpoint.tls:
        return "no TLS with what answers there (it ended the connection)"
    if isinstance(cause, OSError) and cause.errno in _NO_WAY:
        return "there is no way to it from this network"
    return next((words for kind, words in _OF_THE_NETWORK if isinstance(cause, kind)), None)


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
