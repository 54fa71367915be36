"""What has arrived and is not yet taken: bounded in messages and in bytes."""

from sunsweep.mqtt.port import Message
from sunsweep.server.ingest.consume import MAX_WAITING_BYTES, MAX_WAITING_QOS0, Inbox

MIB = 2**20


class Tap:
    def __init__(self) -> None:
        self.words: list[str] = []

    def pause_reading(self) -> None:
        self.words.append("pause")

    def resume_reading(self) -> None:
        self.words.append("resume")


def message(size: int, qos: int = 1) -> Message:
    return Message("t", bytes(size), qos, retain=False, packet_id=1, connection=1, received_ms=0)


def test_a_batch_is_bounded_in_bytes_and_never_empty() -> None:
    inbox = Inbox()
    inbox.put([message(3 * MIB), message(2 * MIB), message(MIB), message(9 * MIB)])
    assert [len(inbox.take(1000, max_bytes=4 * MIB)) for _ in range(3)] == [1, 2, 1]


def test_too_many_bytes_pause_reading_until_half_is_taken() -> None:
    inbox, tap = Inbox(), Tap()
    inbox.tap = tap
    inbox.put([message(MIB)] * (MAX_WAITING_BYTES // MIB + 1))
    inbox.put([message(MIB)])
    assert tap.words == ["pause"]
    while len(inbox):
        inbox.take(10, max_bytes=4 * MIB)
    assert tap.words == ["pause", "resume"]


def test_qos_0_is_let_go_of_before_reading_pauses() -> None:
    inbox, tap = Inbox(), Tap()
    inbox.tap = tap
    for _ in range(2 * MAX_WAITING_BYTES // MIB):
        inbox.put([message(MIB, qos=0)])
    inbox.put([message(1)])
    assert tap.words == []
    assert len(inbox) < MAX_WAITING_BYTES // MIB


def test_once_closed_it_does_not_ask_for_more() -> None:
    inbox, tap = Inbox(), Tap()
    inbox.tap = tap
    inbox.put([message(MIB)] * (MAX_WAITING_BYTES // MIB + 1))
    inbox.close()
    while len(inbox):
        inbox.take(1000, max_bytes=4 * MIB)
    assert tap.words == ["pause"]
    assert inbox.drained


def of(company_id: int, size: int = 1) -> Message:
    return Message(f"company/{company_id}/machine/M/telemetry", bytes(size), 0, False, None, 1, 0)


def test_who_floods_loses_what_is_his_and_nobody_else_s() -> None:
    for one in (of(1), of(1, 64 * 1024)):
        inbox = Inbox()
        for _ in range(2 * MAX_WAITING_QOS0 // 100):
            inbox.put([one] * 100)
        held = len(inbox)
        assert held <= MAX_WAITING_QOS0 + 100
        inbox.put([of(2)] * 50)
        inbox.put([one] * 100)
        assert len(inbox) == held + 50
        while len(inbox):
            inbox.take(1000, max_bytes=4 * MIB)
        inbox.put([one])
        assert len(inbox) == 1


def test_companies_are_served_in_turn_each_in_its_own_order() -> None:
    inbox = Inbox()
    inbox.put([of(1)] * 5000)
    late = [of(2, size) for size in range(1, 4)]
    inbox.put(late)
    taken = inbox.take(1000, max_bytes=4 * MIB)
    assert len(taken) == 1000
    assert [one for one in taken if one.topic.startswith("company/2/")] == late
    assert len(inbox) == 4003


def test_nobody_is_passed_over_where_there_are_more_companies_than_places() -> None:
    inbox = Inbox()
    inbox.put([of(company) for company in range(10)] * 3)
    served = [message.topic for _ in range(5) for message in inbox.take(4, max_bytes=4 * MIB)]
    assert sorted(served) == sorted([of(company).topic for company in range(10)] * 2)


def test_large_messages_of_many_companies_fill_a_batch_all_the_same() -> None:
    inbox = Inbox()
    inbox.put([of(company, 64 * 1024) for company in range(200)])
    assert len(inbox.take(1000, max_bytes=4 * MIB)) == 64


def test_a_large_message_leaves_the_others_what_remains_of_the_room() -> None:
    inbox = Inbox()
    inbox.put([of(1, 3 * MIB), of(2, MIB // 2), of(2, MIB // 2), of(2, MIB // 2)])
    assert [len(one.payload) for one in inbox.take(1000, max_bytes=4 * MIB)] == [3 * MIB, MIB // 2, MIB // 2]
