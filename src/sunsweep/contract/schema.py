"""The published contract: JSON Schema of each payload and the AsyncAPI document, generated from the code.

`python -m sunsweep.contract.schema docs` writes them, with `--check` it fails where they differ.
"""

import argparse
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import msgspec

from sunsweep.contract.asyncapi import asyncapi
from sunsweep.contract.payloads import CommandWire, ReceiptWire, ResultWire, StatusWire, TelemetryWire
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


def documents() -> Iterator[tuple[str, bytes]]:
    """Every published document: its path under `docs/` and its bytes."""
    schemas = {channel: payload_schema(channel) for channel in SHAPES}
    yield "asyncapi.json", _pretty(asyncapi(schemas))
    for channel, schema in schemas.items():
        yield f"schemas/{channel}.schema.json", _pretty(schema)


def _pretty(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def write(folder: Path) -> None:
    """Write every document under `folder`."""
    for name, content in documents():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def outdated(folder: Path) -> list[str]:
    """The documents under `folder` that are missing or differ from the code."""
    return [name for name, content in documents() if _read(folder / name) != content]


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def main() -> int:
    """Write or check the documents."""
    parser = argparse.ArgumentParser(prog="python -m sunsweep.contract.schema", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a document differs")
    arguments = parser.parse_args()
    if not arguments.check:
        write(arguments.folder)
        return 0
    names = outdated(arguments.folder)
    if names:
        sys.stderr.write(f"differs from the code, run `make docs`: {', '.join(names)}\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
