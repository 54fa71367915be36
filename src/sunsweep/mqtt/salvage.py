"""Read a PUBLISH that the codec refuses.

A broker may pass on what a client wrote into properties (EMQX outside its strict mode does), and the codec panics at
text that is no UTF-8. Were that a reason to reconnect, one message at QoS 1 would come back for ever and stop
everybody's. So its frame is read here: topic, payload and packet id are kept, the properties passed over.
"""

from mqtt5 import PublishPacket, QoS

_PUBLISH = 3
_QOS = (QoS.AT_MOST_ONCE, QoS.AT_LEAST_ONCE, QoS.EXACTLY_ONCE)


def frame_bytes(view: memoryview) -> int | None:
    """The whole length of the packet that starts here; None while the length itself is incomplete."""
    length, at = _variable_int(view, 1)
    return None if length is None else at + length


def salvage_publish(frame: memoryview) -> PublishPacket:
    """The packet in a complete frame; raises ValueError where not even that can be read."""
    kind, flags = frame[0] >> 4, frame[0] & 0x0F
    if kind != _PUBLISH:
        raise ValueError(f"unreadable packet of type {kind}")
    if flags >> 1 & 3 == 3:
        raise ValueError("a PUBLISH at QoS 3")
    _, at = _variable_int(frame, 1)
    topic, at = _take(frame, at + 2, _uint16(frame, at))
    qos = flags >> 1 & 3
    packet_id = None
    if qos:
        packet_id, at = _uint16(frame, at), at + 2
    properties, at = _variable_int(frame, at)
    if properties is None or at + properties > len(frame):
        raise ValueError("the properties of a PUBLISH end beyond it")
    return PublishPacket(
        str(topic, "utf-8", "replace"),
        bytes(frame[at + properties :]),
        qos=_QOS[qos],
        retain=bool(flags & 1),
        packet_id=packet_id,
        duplicate=bool(flags & 8),
    )


def _variable_int(view: memoryview, at: int) -> tuple[int | None, int]:
    value = 0
    for place in range(4):
        if at + place >= len(view):
            return None, at
        byte = view[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a length of more than four bytes")


def _uint16(view: memoryview, at: int) -> int:
    return int.from_bytes(_take(view, at, 2)[0], "big")


def _take(view: memoryview, at: int, length: int) -> tuple[memoryview, int]:
    if at + length > len(view):
        raise ValueError("a field of a PUBLISH ends beyond it")
    return view[at : at + length], at + length
