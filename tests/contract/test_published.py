"""The published documents: what they say is what the code reads and writes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from sunsweep.contract import codec, published, schema
from sunsweep.contract.asyncapi import EXAMPLES, asyncapi
from sunsweep.contract.payloads import Command, Receipt, Result
from sunsweep.contract.topics import FROM_MACHINE, Channel, MachineTopic, parse_machine_topic
from tests.contract.test_orders import commands, receipts, results
from tests.contract.test_status import ours
from tests.support.payloads import any_stamp, samples, states, unknown_fields

DOCS = Path(__file__).parent.parent.parent / "docs"
SCHEMAS = {channel: schema.payload_schema(channel) for channel in Channel}
VALIDATORS = {
    channel: Draft202012Validator(body, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for channel, body in SCHEMAS.items()
}
DOCUMENT = asyncapi(SCHEMAS)
DECODE: dict[Channel, Callable[[bytes], Any]] = {
    Channel.TELEMETRY: codec.decode_telemetry,
    Channel.STATUS: codec.decode_status,
    Channel.COMMAND: codec.decode_command,
    Channel.RESULT: codec.decode_result,
    Channel.RECEIPT: codec.decode_receipt,
}
EVERY_EXAMPLE = [
    pytest.param(channel, payload, id=f"{channel}-{name}")
    for channel, examples in EXAMPLES.items()
    for name, payload in examples.items()
]


def valid(channel: Channel, payload: bytes) -> bool:
    return VALIDATORS[channel].is_valid(json.loads(payload))


def test_the_committed_documents_are_those_of_the_code() -> None:
    assert published.outdated(schema.documents(), DOCS) == []


def test_writing_brings_them_up_to_date(tmp_path: Path) -> None:
    assert len(published.outdated(schema.documents(), tmp_path)) == 6
    published.write(schema.documents(), tmp_path)
    assert published.outdated(schema.documents(), tmp_path) == []
    (tmp_path / "asyncapi.json").write_text("{}")
    assert published.outdated(schema.documents(), tmp_path) == ["asyncapi.json"]


@pytest.mark.parametrize("channel", Channel)
def test_the_schemas_are_schemas(channel: Channel) -> None:
    Draft202012Validator.check_schema(SCHEMAS[channel])


@pytest.mark.parametrize(("channel", "payload"), EVERY_EXAMPLE)
def test_the_examples_are_valid_and_read_without_loss(channel: Channel, payload: dict[str, Any]) -> None:
    VALIDATORS[channel].validate(payload)
    assert not getattr(DECODE[channel](json.dumps(payload).encode()), "mistyped", ())


def test_the_customers_examples_are_there_to_the_letter() -> None:
    assert json.dumps(EXAMPLES[Channel.TELEMETRY]["bare"], separators=(",", ":")) == (
        '{"battery":13.5,"solar_v":21.2,"solar_a":4.5,"water":80,"extra":{"temp":32.5,"vibration":0.01}}'
    )
    assert json.dumps(EXAMPLES[Channel.STATUS]["bare"], separators=(",", ":")) == (
        '{"status":"Running","energy":150.5,"water":25.0,"area":450.0}'
    )
    assert json.dumps(EXAMPLES[Channel.COMMAND]["bare"], separators=(",", ":")) == (
        '{"command":"start_cleaning","params":{"speed":5,"mode":"auto"}}'
    )
    assert EXAMPLES[Channel.STATUS]["will"] == {"status": "offline"}


@given(samples, any_stamp, unknown_fields)
def test_samples_of_ours_are_valid(fields: dict[str, Any], stamp: dict[str, Any], unknown: dict[str, Any]) -> None:
    given_payload = {**fields, **stamp, **unknown}
    assert VALIDATORS[Channel.TELEMETRY].is_valid(given_payload)
    sample = codec.decode_telemetry(json.dumps(given_payload).encode())
    assert valid(Channel.TELEMETRY, codec.encode_telemetry(sample))


@given(states, any_stamp, ours, unknown_fields)
def test_states_of_ours_are_valid(
    fields: dict[str, Any], stamp: dict[str, Any], own: dict[str, Any], unknown: dict[str, Any]
) -> None:
    state = codec.decode_status(json.dumps({**fields, **stamp, **own, **unknown}).encode())
    assert valid(Channel.STATUS, codec.encode_status(state))


@given(commands, results, receipts)
def test_orders_of_ours_are_valid(command: Command, result: Result, receipt: Receipt) -> None:
    assert valid(Channel.COMMAND, codec.encode_command(command))
    assert valid(Channel.RESULT, codec.encode_result(result))
    assert valid(Channel.RECEIPT, codec.encode_receipt(receipt))


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        (Channel.TELEMETRY, {"battery": "13"}),
        (Channel.TELEMETRY, {"boot": 7, "seq": 1}),
        (Channel.TELEMETRY, {"boot": 7, "seq": 1, "ts": None}),
        (Channel.TELEMETRY, []),
        (Channel.STATUS, {"status": "x" * 65}),
        (Channel.STATUS, {"session": [7]}),
        (Channel.STATUS, {"session": [7, 1, 2]}),
        (Channel.COMMAND, {"params": {}}),
        (Channel.COMMAND, {"command": "pause\n"}),
        (Channel.RESULT, {"id": "1", "state": "running"}),
        (Channel.RECEIPT, {"boot": 7}),
    ],
)
def test_the_schemas_say_no_too(channel: Channel, payload: object) -> None:
    assert not VALIDATORS[channel].is_valid(payload)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_reference_resolves_inside_the_document() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 15
    for reference in found:
        assert reference.startswith("#/")
        assert resolve(reference)


def test_every_channel_is_a_topic_of_the_contract_with_one_message() -> None:
    assert set(DOCUMENT["channels"]) == set(Channel)
    for name, channel in DOCUMENT["channels"].items():
        topic = channel["address"].replace("{company_id}", "1").replace("{machine_id}", "scm-1")
        assert parse_machine_topic(topic) == MachineTopic(1, "scm-1", Channel(name))
        assert set(channel["parameters"]) == {"company_id", "machine_id"}
        assert set(channel["messages"]) == {name}


def test_the_backend_receives_what_machines_say_and_sends_the_rest() -> None:
    actions = {resolve(one["channel"]["$ref"])["address"].rpartition("/")[2]: one["action"] for one in operations()}
    assert actions == {channel: "receive" if channel in FROM_MACHINE else "send" for channel in Channel}
    for operation in operations():
        assert operation["messages"][0]["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")


def operations() -> list[dict[str, Any]]:
    return list(DOCUMENT["operations"].values())


def test_the_servers_are_the_four_transports() -> None:
    seen = {name: (server["host"], server.get("pathname")) for name, server in DOCUMENT["servers"].items()}
    assert seen == {
        "mqtt": ("{host}:1883", None),
        "mqtts": ("{host}:8883", None),
        "ws": ("{host}:8083", "/mqtt"),
        "wss": ("{host}:8084", "/mqtt"),
    }


@given(st.sampled_from(EVERY_EXAMPLE))
def test_the_document_speaks_draft_07_and_takes_the_same_examples(example: Any) -> None:
    channel, payload = example.values
    root = {"$ref": f"#/components/schemas/{channel}", "components": DOCUMENT["components"]}
    Draft7Validator(root).validate(payload)


@pytest.mark.parametrize("payload", [{"session": [7]}, {"session": [7, 1, 2]}, {"session": [7, 0]}])
def test_the_document_says_no_as_the_schemas_do(payload: object) -> None:
    root = {"$ref": "#/components/schemas/status", "components": DOCUMENT["components"]}
    assert not Draft7Validator(root).is_valid(payload)
