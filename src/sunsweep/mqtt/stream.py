"""Bytes as they come to MQTT packets, however the network cut them."""

from mqtt5 import Packet, read

from sunsweep.mqtt.salvage import frame_bytes, salvage_publish


class ProtocolViolationError(Exception):
    """What came is no MQTT 5."""


class PacketStream:
    """Cuts a byte stream into packets; an unfinished one waits, and is not parsed again before all of it is there."""

    def __init__(self, max_packet_bytes: int) -> None:
        self._max_packet_bytes = max_packet_bytes
        self._rest = bytearray()
        self._needed_bytes = 0

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that `data` completes; raises `ProtocolViolationError`."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed_bytes:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        return self._cut(memoryview(data))

    def _cut(self, view: memoryview) -> list[Packet]:
        packets: list[Packet] = []
        at, end = 0, len(view)
        while at < end:
            try:
                packet, length = read(view[at:])
            except BaseException as error:  # noqa: BLE001  the codec panics at bad UTF-8, outside of Exception
                salvaged = self._unreadable(view[at:], error)
                if salvaged is None:
                    self._rest += view[at:]
                    break
                packet, length = salvaged
            packets.append(packet)
            at += length
        return packets

    def _unreadable(self, view: memoryview, error: BaseException) -> tuple[Packet, int] | None:
        """The packet after all, with its length, or None where more bytes are needed."""
        if not isinstance(error, IndexError | ValueError) and type(error).__name__ != "PanicException":
            raise error
        try:
            length = frame_bytes(view)
            if length is not None and length <= len(view):
                return salvage_publish(view[:length]), length
        except ValueError as reason:
            raise ProtocolViolationError(str(reason)) from error
        self._needed_bytes = length or len(view) + 1
        if self._needed_bytes > self._max_packet_bytes:
            raise ProtocolViolationError(f"a packet of {self._needed_bytes} bytes") from error
        return None
