"""Stored in any order, acknowledged in the order of arrival."""

from collections.abc import Iterable
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from sunsweep.mqtt.port import Client, Message
from sunsweep.server.ingest.acknowledge import InOrder


class Heard:
    def __init__(self) -> None:
        self.ids: list[int | None] = []

    def acknowledge(self, messages: Iterable[Message]) -> None:
        self.ids += [message.packet_id for message in messages]


def message(packet_id: int | None, connection: int = 1) -> Message:
    return Message("t", b"", 0 if packet_id is None else 1, False, packet_id, connection, 0)


@given(st.permutations(range(1, 9)), st.integers(1, 8))
def test_whatever_is_stored_first(order: list[int], at_once: int) -> None:
    heard = Heard()
    line = InOrder(cast("Client", heard))
    came = [message(number) for number in range(1, 9)]
    line.arrived(came)
    for start in range(0, 8, at_once):
        line.settled([came[number - 1] for number in order[start : start + at_once]])
        assert heard.ids == list(range(1, len(heard.ids) + 1))
        stored = set(order[: start + at_once])
        assert stored.issuperset(cast("list[int]", heard.ids))
        assert len(heard.ids) == 8 or len(heard.ids) + 1 not in stored
    assert len(heard.ids) == 8


def test_qos_0_is_waited_for_by_nobody() -> None:
    heard = Heard()
    line = InOrder(cast("Client", heard))
    line.arrived([message(None), message(1)])
    line.settled([message(1)])
    assert heard.ids == [1]


def test_an_earlier_connection_holds_nobody_back_and_its_packet_ids_are_others() -> None:
    heard = Heard()
    line = InOrder(cast("Client", heard))
    line.arrived([message(1), message(2)])
    line.settled([message(2)])
    line.arrived([message(1, 2), message(2, 2)])
    line.settled([message(1, 1)])
    assert heard.ids == []
    line.settled([message(1, 2)])
    assert heard.ids == [1]
