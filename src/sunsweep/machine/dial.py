"""Opens the TCP and TLS connection under MQTT, through the site's HTTP proxy where there is one."""

import socket
import ssl
from contextlib import suppress
from threading import Lock
from typing import Final

from sunsweep.machine.endpoint import Endpoint, HttpProxy

_MAX_ANSWER_BYTES: Final = 16_384


class ProxyError(OSError):
    """The proxy does not let us through."""


class Dial:
    """Blocks, in the library's thread; another thread may call it off."""

    def __init__(
        self, endpoint: Endpoint, *, proxy: HttpProxy | None, context: ssl.SSLContext | None, timeout_s: float
    ) -> None:
        self._endpoint = endpoint
        self._proxy = proxy
        self.context = context
        self.good_until: str | None = None
        """Of the certificate that the broker has shown."""
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._called_off = False

    def open(self) -> socket.socket:
        """A TCP connection to the broker; raises `OSError`."""
        if self._proxy is None:
            return self._connect(self._endpoint.host, self._endpoint.port)
        try:
            opened = self._connect(self._proxy.host, self._proxy.port)
            _ask(opened, self._endpoint, self._proxy)
        except ProxyError:
            raise
        except OSError as error:
            raise ProxyError(f"does not answer ({error})") from error
        return opened

    def secure(self, opened: socket.socket) -> socket.socket:
        """TLS over it; raises `ssl.SSLError`."""
        assert self.context is not None
        secured = self.context.wrap_socket(opened, server_hostname=self._endpoint.host, do_handshake_on_connect=False)
        self._hold(secured)
        secured.do_handshake()
        self.good_until = str((secured.getpeercert() or {})["notAfter"])
        return secured

    def call_off(self) -> None:
        """Whoever waits for the other side waits no longer."""
        with self._lock:
            self._called_off = True
            if self._socket is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """The library leaves open what has failed half-way."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()

    def _connect(self, host: str, port: int) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            opened = socket.socket(family, kind, protocol)
            opened.settimeout(self._timeout_s)
            self._hold(opened)
            try:
                opened.connect(address)
            except OSError as error:
                failure = error
                opened.close()
            else:
                return opened
        raise failure or OSError(f"{host} has no address")

    def _hold(self, opened: socket.socket) -> None:
        with self._lock:
            self._socket = opened
            if self._called_off:
                opened.close()
                raise ConnectionAbortedError("called off")


def _ask(opened: socket.socket, endpoint: Endpoint, proxy: HttpProxy) -> None:
    lines = [f"CONNECT {endpoint.authority} HTTP/1.1", f"Host: {endpoint.authority}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    opened.sendall("\r\n".join([*lines, "", ""]).encode())
    status = _answer(opened).split(b"\r\n", 1)[0].decode("latin-1")
    version, _, words = status.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ProxyError("is no HTTP proxy")
    if words.startswith("407"):
        raise ProxyError("wants another user name and password (407)")
    if not words.startswith("2"):
        raise ProxyError(f"does not connect us ({words[:100]})")


def _answer(opened: socket.socket) -> bytes:
    """Its head, byte by byte: what comes after it is the broker's."""
    answer = bytearray()
    while not answer.endswith(b"\r\n\r\n"):
        byte = opened.recv(1)
        if not byte or len(answer) >= _MAX_ANSWER_BYTES:
            raise ProxyError("ended the connection without an answer")
        answer += byte
    return bytes(answer)
