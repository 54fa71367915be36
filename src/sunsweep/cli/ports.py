"""Ports that are taken: by whom, and what to do."""

import socket

import psutil

_TRIES = 100


class PortTakenError(Exception):
    """Says which port, who has it, and what to do."""

    def __init__(self, host: str, port: int, option: str) -> None:
        super().__init__(
            f"port {port} on {host} is taken by {_owner(port)}. Stop that program, choose another port with "
            f"{option} PORT, or let sunsweep take the next free one with --free-ports."
        )


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def choose(host: str, port: int, option: str, *, next_free: bool, but: int | None = None) -> int:
    """The port itself, or the next free one where that is wished; raises `PortTakenError`."""
    if is_free(host, port) and port != but:
        return port
    if next_free:
        for other in range(port + 1, port + _TRIES):
            if other != but and is_free(host, other):
                return other
    raise PortTakenError(host, port, option)


def _owner(port: int) -> str:
    try:
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr[1:2] == (port,) and found.pid is not None:
                process = psutil.Process(found.pid)
                return f"{process.name()} (pid {found.pid}: {' '.join(process.cmdline())[:120]})"
    except psutil.Error:
        pass
    return "a program of another user"
