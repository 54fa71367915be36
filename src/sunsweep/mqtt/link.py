"""One connection, from CONNECT to its end: the asyncio half of the client."""

import asyncio
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import mqtt5

from sunsweep.mqtt.exchange import Exchange
from sunsweep.mqtt.packets import connect_packet, farewell, is_clearing
from sunsweep.mqtt.port import Message, NotConnectedError, OnMessages
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.mqtt.stream import PacketStream, ProtocolViolationError

_ACKNOWLEDGEMENT: Final = (0, 0x4002_0000, 0x5002_0000)
"""By QoS: a PUBACK or a PUBREC, four bytes, its packet id still missing."""
_LEAVE_WITHIN_S: Final = 1.0


def _unheeded(_topic: str) -> None:
    """Nobody wants to know what is retained."""


class Link(asyncio.Protocol):
    """Used for one connection only; why it ended stands in `lost`."""

    def __init__(
        self,
        settings: ConnectionSettings,
        number: int,
        *,
        on_messages: OnMessages,
        clock_ms: Callable[[], int],
        on_retained: Callable[[str], None] = _unheeded,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.exchange = Exchange(self._write)
        self.lost: asyncio.Future[str] = loop.create_future()
        self.welcome: asyncio.Future[mqtt5.ConnAckPacket] = loop.create_future()
        self._settings = settings
        self._on_messages = on_messages
        self._on_retained = on_retained
        self._clock_ms = clock_ms
        self._monotonic_s = loop.time
        self._heard_at_s = loop.time()
        self._keep_alive_s = settings.keep_alive_s
        self._stream = PacketStream(settings.max_packet_bytes)
        self._transport: asyncio.Transport | None = None
        self._reason = "the connection was lost"
        self._leaving = False
        self._paused = False

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._leaving and not self.lost.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio types the base, uvloop has its own class
        self._write(connect_packet(self._settings))

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        self._heard_at_s = self._monotonic_s()
        try:
            packets = self._stream.feed(data)
        except ProtocolViolationError as error:
            self._refuse(f"the broker broke the protocol: {error}")
            return
        messages = self._sort(packets)
        if messages:
            self._on_messages(messages)

    def pause_writing(self) -> None:
        self.exchange.pause()

    def resume_writing(self) -> None:
        self.exchange.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        reason = self._reason if exc is None else f"{self._reason}: {exc}"
        self.lost.set_result(reason)
        self.exchange.end(reason)
        if not self.welcome.done():
            self.welcome.set_exception(NotConnectedError(reason))
            self.welcome.exception()  # seen, for nobody may be waiting any more

    def acknowledge(self, messages: Iterable[Message]) -> None:
        number = self.number
        words = [
            _ACKNOWLEDGEMENT[message.qos] | message.packet_id
            for message in messages
            if message.connection == number and message.packet_id is not None
        ]
        if words:
            self._write(struct.pack(f">{len(words)}I", *words))

    def pause_reading(self) -> None:
        if self._transport is not None and self.open and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and self.open and self._paused:
            self._paused = False
            self._heard_at_s = self._monotonic_s()
            self._transport.resume_reading()

    async def until_lost(self) -> str:
        """Keep the connection alive until it ends; returns why it ended."""
        while not self.lost.done():
            await asyncio.wait([self.lost], timeout=self._keep_alive_s / 2 or None)
            self._keep_alive()
        return self.lost.result()

    async def leave(self) -> None:
        """DISCONNECT, by which the session keeps its expiry, and wait for the broker to hang up; never hangs.

        Once it has, it has read all our acknowledgements too. Were we to hang up first and come back at once, the new
        connection would take the session over while they still stand in the old one's buffer (mosquitto reads one
        packet of each connection in turn).
        """
        if self.lost.done() or self._transport is None:
            return
        try:
            if not self._leaving:
                self.resume_reading()
                self._write(mqtt5.DisconnectPacket().write())
                self._leaving = True
            await asyncio.wait([self.lost], timeout=_LEAVE_WITHIN_S)
        finally:
            if not self.lost.done():
                self._transport.abort()
        await asyncio.wait([self.lost])

    def _write(self, data: bytes) -> None:
        if self._transport is not None and self.open:
            self._transport.write(data)

    def _sort(self, packets: Sequence[mqtt5.Packet]) -> list[Message]:
        """The hot path: messages into one list, everything else to where it is waited for."""
        now_ms, number = self._clock_ms(), self.number
        messages: list[Message] = []
        for packet in packets:
            if type(packet) is not mqtt5.PublishPacket:
                self._take(packet)
            elif packet.retain or (not (payload := packet.payload) and is_clearing(packet)):
                self._pass_over(packet)
            else:
                messages.append(
                    Message(packet.topic, payload, packet.qos.value, False, packet.packet_id, number, now_ms)
                )
        return messages

    def _take(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.ConnAckPacket() if not self.welcome.done():
                self._begin(packet)
            case mqtt5.PubAckPacket() | mqtt5.SubAckPacket() | mqtt5.UnsubAckPacket():
                self.exchange.settle(packet)
            case mqtt5.PingRespPacket():
                pass
            case mqtt5.DisconnectPacket():
                self._reason = farewell(packet)
            case mqtt5.PubRelPacket():
                self._write(mqtt5.PubCompPacket(packet.packet_id).write())
            case _:
                self._refuse(f"the broker sent an unexpected {type(packet).__name__}")

    def _begin(self, packet: mqtt5.ConnAckPacket) -> None:
        if packet.server_keep_alive is not None:
            self._keep_alive_s = packet.server_keep_alive
        self.exchange.begin(receive_maximum=packet.receive_max, max_packet_bytes=packet.max_packet_size)
        self.welcome.set_result(packet)

    def _pass_over(self, packet: mqtt5.PublishPacket) -> None:
        """A retained message is not live, nor is the word that there is none any more."""
        self._on_retained(packet.topic)
        if packet.packet_id is not None:
            self._write((_ACKNOWLEDGEMENT[packet.qos.value] | packet.packet_id).to_bytes(4, "big"))

    def _refuse(self, reason: str) -> None:
        self._reason = reason
        self._write(mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.PROTOCOL_ERROR).write())
        self._leaving = True
        if self._transport is not None:
            self._transport.close()

    def _keep_alive(self) -> None:
        """Ping, and give up a peer that says nothing (unless we are the ones who do not listen)."""
        silence_s = self._monotonic_s() - self._heard_at_s
        if self._transport is None or self.lost.done() or not self._keep_alive_s:
            return
        if not self._paused and silence_s > 1.5 * self._keep_alive_s:
            self._reason = f"the broker was silent for {silence_s:.1f} s"
            self._transport.abort()
        else:
            self._write(mqtt5.PingReqPacket().write())
