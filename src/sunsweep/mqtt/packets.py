"""MQTT packets in the words of the port, and back."""

from collections.abc import Sequence
from typing import Final

import mqtt5

from sunsweep.mqtt.port import MqttError, NotAuthorisedError, Published, Subscription
from sunsweep.mqtt.settings import ConnectionSettings

# The codec's enumerations are no integers, whatever its stubs say: they have a value, no order and no hash.
_FAILURE: Final = 0x80
_CLEARING: Final = "application/x-sunsweep-clearing"
_QOS: Final = (mqtt5.QoS.AT_MOST_ONCE, mqtt5.QoS.AT_LEAST_ONCE)


def connect_packet(settings: ConnectionSettings) -> bytes:
    return mqtt5.ConnectPacket(
        settings.client_id,
        username=settings.username,
        password=None if settings.password is None else settings.password.encode(),
        clean_start=settings.clean_start,
        keep_alive=settings.keep_alive_s,
        session_expiry_interval=settings.session_expiry_s,
        receive_max=settings.receive_maximum,
        max_packet_size=settings.max_packet_bytes,
    ).write()


def publish_packet(topic: str, payload: bytes, *, packet_id: int | None = None, expiry_s: int | None = None) -> bytes:
    """At QoS 1 where there is a packet id, else at QoS 0."""
    return mqtt5.PublishPacket(
        topic,
        payload,
        qos=mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS.AT_LEAST_ONCE,
        packet_id=packet_id,
        message_expiry_interval=expiry_s,
    ).write()


def subscribe_packet(packet_id: int, subscriptions: Sequence[Subscription], *, retained: bool = False) -> bytes:
    """Live messages only (Retain Handling 2, Retain As Published 0), unless the `retained` ones are asked for."""
    return mqtt5.SubscribePacket(
        packet_id,
        [
            mqtt5.TopicFilter(
                topic_filter,
                max_qos=_QOS[qos],
                retain_as_published=False,
                retain_handling=(mqtt5.RetainHandling.SEND_ALWAYS if retained else mqtt5.RetainHandling.SEND_NEVER),
            )
            for topic_filter, qos in subscriptions
        ],
    ).write()


def clearing_packet(topic: str, packet_id: int) -> bytes:
    """Has the broker forget what it retains on a topic; marked, so that our own readers take it for no message."""
    return mqtt5.PublishPacket(
        topic,
        b"",
        qos=mqtt5.QoS.AT_LEAST_ONCE,
        packet_id=packet_id,
        retain=True,
        content_type=_CLEARING,
    ).write()


def is_clearing(packet: mqtt5.PublishPacket) -> bool:
    """Whether it is what `clearing_packet` makes; machines that send an empty message send another."""
    return not packet.payload and packet.content_type == _CLEARING


def farewell(packet: mqtt5.DisconnectPacket) -> str:
    """Why the broker ended the connection."""
    if packet.reason_code == mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER:
        return "the session was taken over: another process has connected with this client id"
    return f"the broker ended the connection ({packet.reason_code.name})"


def outcome(topic: str, answer: mqtt5.PubAckPacket) -> Published:
    """What a PUBACK says; raises for a refusal."""
    code = answer.reason_code
    if code == mqtt5.PubAckReasonCode.NO_MATCHING_SUBSCRIBERS:
        return Published.NOBODY_LISTENS
    if code == mqtt5.PubAckReasonCode.NOT_AUTHORIZED:
        raise NotAuthorisedError(f"the broker refused a publish to {topic}")
    if code.value >= _FAILURE:
        raise MqttError(f"the broker did not take a publish to {topic} ({code.name})")
    return Published.DELIVERED


def check_granted(subscriptions: Sequence[Subscription], answer: mqtt5.SubAckPacket) -> None:
    """Raises where any of the subscriptions was refused."""
    refused = {
        subscription.topic_filter: code
        for subscription, code in zip(subscriptions, answer.reason_codes, strict=False)
        if code.value >= _FAILURE
    }
    if refused:
        said = ", ".join(f"{name} ({code.name})" for name, code in refused.items())
        raise NotAuthorisedError(f"the broker refused a subscription: {said}")
