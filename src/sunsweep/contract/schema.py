"""The published contract: JSON Schema of each payload and the AsyncAPI document, generated from the code.

`python -m sunsweep.contract.schema docs` writes them, with `--check` it fails where they differ.
"""

import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import msgspec

from sunsweep.contract.asyncapi import asyncapi
from sunsweep.contract.payloads import CommandWire, ReceiptWire, ResultWire, StatusWire, TelemetryWire
from sunsweep.contract.published import Document, command, pretty
from sunsweep.contract.topics import Channel

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SHAPES: Final[dict[Channel, type[msgspec.Struct]]] = {
    Channel.TELEMETRY: TelemetryWire,
    Channel.STATUS: StatusWire,
    Channel.COMMAND: CommandWire,
    Channel.RESULT: ResultWire,
    Channel.RECEIPT: ReceiptWire,
}
_NUMBERED: Final = (Channel.TELEMETRY, Channel.STATUS, Channel.RESULT)
_NUMBERED_NEEDS_TS: Final[dict[str, Any]] = {
    "if": {"required": ["boot", "seq"], "properties": {"boot": {"type": "integer"}, "seq": {"type": "integer"}}},
    "then": {"required": ["ts"], "properties": {"ts": {"type": "string"}}},
}


def payload_schema(channel: Channel) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a channel's payload, complete in itself."""
    shapes, components = msgspec.json.schema_components([SHAPES[channel]], ref_template="#/$defs/{name}")
    own = shapes[0]["$ref"].rpartition("/")[2]
    schema = {"$schema": DIALECT, "title": f"{channel.capitalize()} payload", **_open(components.pop(own), channel)}
    return {**schema, "$defs": components} if components else schema


def _open(schema: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """As it is read: unknown fields are welcome, and what is numbered says when it was measured."""
    body = {name: value for name, value in schema.items() if name not in ("title", "additionalProperties")}
    return {**body, **(deepcopy(_NUMBERED_NEEDS_TS) if channel in _NUMBERED else {})}


def documents() -> Iterator[Document]:
    """The contract as AsyncAPI and as JSON Schema."""
    schemas = {channel: payload_schema(channel) for channel in SHAPES}
    yield "asyncapi.json", pretty(asyncapi(schemas))
    for channel, schema in schemas.items():
        yield f"schemas/{channel}.schema.json", pretty(schema)


if __name__ == "__main__":
    sys.exit(command("python -m sunsweep.contract.schema", documents))
