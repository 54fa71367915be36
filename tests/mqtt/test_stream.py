"""Packets come out the same, however the network cuts the bytes."""

import time
from itertools import pairwise

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.mqtt.salvage import salvage_publish
from sunsweep.mqtt.stream import PacketStream, ProtocolViolationError

MAX_BYTES = 1_000_000

QOS = (mqtt5.QoS.AT_MOST_ONCE, mqtt5.QoS.AT_LEAST_ONCE, mqtt5.QoS.EXACTLY_ONCE)


@st.composite
def publishes(draw: st.DrawFn) -> mqtt5.PublishPacket:
    qos = draw(st.integers(0, 2))
    return mqtt5.PublishPacket(
        draw(st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=40)),
        draw(st.binary(max_size=300)),
        qos=QOS[qos],
        retain=draw(st.booleans()),
        duplicate=qos > 0 and draw(st.booleans()),
        packet_id=draw(st.integers(1, 65_535)) if qos else None,
        message_expiry_interval=draw(st.none() | st.integers(0, 2**32 - 1)),
        user_properties=draw(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3)),
    )


@st.composite
def mutated(draw: st.DrawFn, wire: bytes) -> bytes:
    at = draw(st.integers(0, len(wire) - 1))
    return wire[:at] + draw(st.binary(min_size=1, max_size=3)) + wire[at + 1 :]


packets = publishes() | st.sampled_from(
    [
        mqtt5.PingRespPacket(),
        mqtt5.PubAckPacket(7),
        mqtt5.PubAckPacket(7, reason_code=mqtt5.PubAckReasonCode.NO_MATCHING_SUBSCRIBERS),
        mqtt5.SubAckPacket(8, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]),
        mqtt5.ConnAckPacket(receive_max=20),
        mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER),
    ]
)


@given(st.lists(packets, max_size=12), st.data())
def test_any_cut_yields_the_same_packets(sent: list[mqtt5.Packet], data: st.DataObject) -> None:
    wire = b"".join(packet.write() for packet in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=20)))
    stream = PacketStream(MAX_BYTES)
    got = list[mqtt5.Packet]()
    for start, end in pairwise([0, *cuts, len(wire)]):
        got += stream.feed(wire[start:end])
    assert [packet.write() for packet in got] == [packet.write() for packet in sent]


@given(publishes())
def test_a_salvaged_publish_has_the_same_topic_payload_and_number(sent: mqtt5.PublishPacket) -> None:
    got = salvage_publish(memoryview(sent.write()))
    assert (got.topic, got.payload, got.packet_id) == (sent.topic, sent.payload, sent.packet_id)
    assert (got.qos, got.retain, got.duplicate) == (sent.qos, sent.retain, sent.duplicate)


# Drawn bytes that make the codec panic are reported by Rust past every handler.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(st.binary(max_size=80) | publishes().flatmap(lambda packet: mutated(packet.write())))
def test_any_bytes_are_read_or_refused(wire: bytes) -> None:
    stream = PacketStream(MAX_BYTES)
    try:
        for byte in wire:
            stream.feed(bytes([byte]))
    except ProtocolViolationError:
        pass


def test_a_large_packet_in_small_pieces_is_not_parsed_again_for_each() -> None:
    wire = mqtt5.PublishPacket("a", bytes(20_000_000)).write()
    stream = PacketStream(64_000_000)
    since_s = time.process_time()
    got = [packet for at in range(0, len(wire), 1000) for packet in stream.feed(wire[at : at + 1000])]
    assert [type(packet) for packet in got] == [mqtt5.PublishPacket]
    assert time.process_time() - since_s < 2  # parsing 20,000 pieces anew would copy 200 GB


def test_a_packet_beyond_the_limit_is_refused_at_its_first_bytes() -> None:
    wire = mqtt5.PublishPacket("a", bytes(2000)).write()
    with pytest.raises(ProtocolViolationError, match="a packet of 20"):
        PacketStream(1000).feed(wire[:10])
