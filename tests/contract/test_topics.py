import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.contract.refusal import Reason, Refused
from sunsweep.contract.topics import (
    ALL_EVENTS,
    Channel,
    Event,
    EventTopic,
    MachineTopic,
    all_events,
    all_machines,
    is_serial,
    machine_events,
    machine_rule,
    parse_event_topic,
    parse_machine_topic,
)

serials = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
companies = st.integers(1, 10**18 - 1)
BAD_SERIALS = [
    "",
    "+",
    "#",
    "/",
    "a/b",
    "a ",
    " a",
    "a+",
    "a#",
    "$a",
    "a" * 65,
    "a\n",
    "\n",
    "é",
    "a\x00",
    "a.b",
    "a\u0661",
]


@given(companies, serials, st.sampled_from(Channel))
def test_topics_are_read_back(company_id: int, machine_id: str, channel: Channel) -> None:
    topic = MachineTopic(company_id, machine_id, channel)
    assert parse_machine_topic(str(topic)) == topic


@given(companies, serials, st.sampled_from(Event))
def test_event_topics_are_read_back(company_id: int, machine_id: str, event: Event) -> None:
    topic = EventTopic(company_id, machine_id, event)
    assert parse_event_topic(str(topic)) == topic


def test_the_topics_are_the_customers() -> None:
    assert str(MachineTopic(1, "scm-1", Channel.TELEMETRY)) == "company/1/machine/scm-1/telemetry"
    assert machine_rule(1, "scm-1") == "company/1/machine/scm-1/#"
    assert all_machines(Channel.STATUS) == "company/+/machine/+/status"


@given(st.text() | st.from_regex(r"(company|sunsweep)/[^/]*/(machine|event)?/?[^/]*/\w*"))
def test_any_text_is_a_topic_or_refused(text: str) -> None:
    for parse in (parse_machine_topic, parse_event_topic):
        try:
            topic = parse(text)
        except Refused:
            continue
        assert str(topic) == text


@given(serials)
def test_serials_are_taken(serial: str) -> None:
    assert is_serial(serial)


@pytest.mark.parametrize("serial", BAD_SERIALS)
def test_wildcards_blanks_and_more_are_no_serials(serial: str) -> None:
    assert not is_serial(serial)
    with pytest.raises(Refused) as refused:
        parse_machine_topic(f"company/1/machine/{serial}/telemetry")
    assert refused.value.reason is Reason.BAD_TOPIC
    with pytest.raises(Refused):
        parse_event_topic(f"sunsweep/event/1/{serial}/wake")


@pytest.mark.parametrize(
    "company", ["", "0", "01", "-1", "+1", "+", "#", "1 ", "٣", "1" * 19, "1" * 5000, "1.0", "1_0"]
)
def test_a_company_is_a_plain_number(company: str) -> None:
    with pytest.raises(Refused):
        parse_machine_topic(f"company/{company}/machine/a/telemetry")
    with pytest.raises(Refused):
        parse_event_topic(f"sunsweep/event/{company}/a/wake")


@pytest.mark.parametrize("ending", ["", "Telemetry", "telemetry ", "telemetry\n", "telemetry/x", "other", "+", "#"])
def test_only_the_five_channels_exist(ending: str) -> None:
    with pytest.raises(Refused):
        parse_machine_topic(f"company/1/machine/a/{ending}")


@given(companies, serials, st.sampled_from(Event))
def test_the_filters_match_the_topics_they_are_for(company_id: int, machine_id: str, event: Event) -> None:
    topic = str(EventTopic(company_id, machine_id, event))
    assert matches(machine_events(company_id, machine_id), topic)
    assert matches(all_events(event), topic)
    assert matches(ALL_EVENTS, topic)
    assert matches(machine_rule(company_id, machine_id), str(MachineTopic(company_id, machine_id, Channel.COMMAND)))


def matches(topic_filter: str, topic: str) -> bool:
    """MQTT 5, section 4.7, as far as our filters go."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(want in ("+", level) for want, level in zip(wanted, levels, strict=True))
