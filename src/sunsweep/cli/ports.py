"""Where to listen: ports that are taken, by whom, and what to do."""

import errno
import socket

import psutil

from sunsweep.mqtt.local_broker.place import reachable

_TRIES = 100
_HIGHEST = 65_535


class PortError(Exception):
    """Nobody can listen there; the message says why and what to do."""


def url_host(host: str) -> str:
    """How a URL names what listens on `host`."""
    host = reachable(host)
    return f"[{host}]" if ":" in host else host


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now; raises `PortError` where it never could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise PortError(f"nobody can listen on {host} port {port}: {error.strerror or error}") from error
        return True


def choose(host: str, port: int, option: str, *, next_free: bool, but: int | None = None) -> int:
    """The port itself, or the next free one where that is wished; raises `PortError`."""
    if port != but and is_free(host, port):
        return port
    if next_free:
        for other in range(port + 1, min(port + _TRIES, _HIGHEST + 1)):
            if other != but and is_free(host, other):
                return other
    raise PortError(
        f"port {port} on {host} is taken by {_owner(port)}. Stop that program, choose another port with "
        f"{option} PORT, or let sunsweep take the next free one with --free-ports."
    )


def require(host: str, port: int, variable: str) -> int:
    """The port itself; raises `PortError`."""
    if is_free(host, port):
        return port
    raise PortError(
        f"port {port} on {host} is taken by {_owner(port)}. Stop that program, or choose another port with {variable}."
    )


def _owner(port: int) -> str:
    try:
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr[1:2] == (port,) and found.pid is not None:
                process = psutil.Process(found.pid)
                return f"{process.name()} (pid {found.pid}: {' '.join(process.cmdline())[:120]})"
    except psutil.Error:
        pass
    return "a program of another user"
