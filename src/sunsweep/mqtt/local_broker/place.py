"""What must be there before mosquitto can start: the program and a free port."""

import os
import shutil
import socket

from sunsweep.mqtt.local_broker.errors import BrokerError, PortBusyError


def find_mosquitto() -> str:
    """Where the program is; Debian keeps it where only root's PATH looks."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise BrokerError("mosquitto is not installed: apt-get install mosquitto")
    return found


def check_port(host: str, port: int) -> None:
    """Raises `PortBusyError` where somebody listens already."""
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
                probe.listen(1)
            except OSError as error:
                raise PortBusyError(host, port) from error


def reachable(host: str) -> str:
    """Where to connect to what listens on `host`."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  not bound here
