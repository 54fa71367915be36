"""Why the local broker does not run."""


class BrokerError(Exception):
    """It cannot start; the message says why, in mosquitto's own words where it had any."""


class PortBusyError(BrokerError):
    """Somebody else listens there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} of {host} is taken by another program")
        self.host = host
        self.port = port
