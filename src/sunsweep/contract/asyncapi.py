"""The AsyncAPI 3.0 document, as seen from the backend: it receives what machines say and sends what they are told."""

from collections.abc import Mapping
from typing import Any, Final

from sunsweep import __version__
from sunsweep.contract.topics import FROM_MACHINE, SERIAL_PATTERN, Channel

_SUMMARIES: Final = {
    Channel.TELEMETRY: "A sample of a machine's sensors, every 30-60 s",
    Channel.STATUS: "A heartbeat, a change of state, or the last will",
    Channel.RESULT: "A machine's word on a command that carried an id",
    Channel.COMMAND: "An order to a machine",
    Channel.RECEIPT: "What was stored or rejected for good, after the commit, and the backend's clock",
}
_BOOT: Final = 4503599627370517
_TS: Final = "2026-11-24T08:33:28.250Z"
_ID: Final = "01a20cb0-44ba-7b07-a1a5-10d4f5b6a7c8"
_SAMPLE: Final[dict[str, Any]] = {
    "battery": 13.5,
    "solar_v": 21.2,
    "solar_a": 4.5,
    "water": 80,
    "extra": {"temp": 32.5, "vibration": 0.01},
}
_STATE: Final[dict[str, Any]] = {"status": "Running", "energy": 150.5, "water": 25.0, "area": 450.0}
_ORDER: Final[dict[str, Any]] = {"command": "start_cleaning", "params": {"speed": 5, "mode": "auto"}}

EXAMPLES: Final[dict[Channel, dict[str, dict[str, Any]]]] = {
    Channel.TELEMETRY: {
        "bare": _SAMPLE,
        "numbered": {**_SAMPLE, "ts": _TS, "boot": _BOOT, "seq": 140},
    },
    Channel.STATUS: {
        "bare": _STATE,
        "will": {"status": "offline"},
        "numbered": {**_STATE, "ts": _TS, "boot": _BOOT, "seq": 141},
        "first of a session": {
            "status": "Idle",
            "session": [_BOOT, 3],
            "software": "0.1.0",
            "outbox": {"pending": 12, "oldest": _TS},
        },
        "will of a session": {"status": "offline", "session": [_BOOT, 3]},
        "account of loss": {
            "ts": _TS,
            "boot": _BOOT,
            "seq": 142,
            "account": {"lost": [[_BOOT, 17, 20]], "ended": [[7, 5120]]},
        },
    },
    Channel.RESULT: {
        "running": {"id": _ID, "state": "running", "ts": _TS, "boot": _BOOT, "seq": 143},
        "rejected": {"id": _ID, "state": "rejected", "detail": {"reason": "superseded"}},
    },
    Channel.COMMAND: {
        "bare": _ORDER,
        "with id": {**_ORDER, "id": _ID, "issued_at": _TS, "expires_at": "2026-11-24T08:38:28.250Z"},
    },
    Channel.RECEIPT: {
        "stored and rejected": {"boot": 7, "seq": [[101, 140]], "rejected": [[141, 141, "too_late"]], "now": _TS},
        "clock": {"now": _TS},
    },
}

_SERVERS: Final = {
    "mqtt": ("mqtt", 1883, None, "MQTT over TCP"),
    "mqtts": ("mqtts", 8883, None, "MQTT over TLS"),
    "ws": ("ws", 8083, "/mqtt", "MQTT over WebSocket (subprotocol mqtt)"),
    "wss": ("wss", 8084, "/mqtt", "MQTT over WebSocket with TLS (subprotocol mqtt)"),
}


def asyncapi(schemas: Mapping[Channel, dict[str, Any]]) -> dict[str, Any]:
    """The document around the JSON Schemas of the payloads."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sunsweep machines",
            "version": __version__,
            "description": "What machines and the backend say to each other over MQTT (3.1, 3.1.1 or 5). Only the"
            " fields of the examples named `bare` are ever needed; all others are optional.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {name: _server(*server) for name, server in _SERVERS.items()},
        "channels": {channel: _channel(channel) for channel in schemas},
        "operations": dict(_operation(channel) for channel in schemas),
        "components": {
            "messages": {channel: _message(channel) for channel in schemas},
            "schemas": {name: body for channel in schemas for name, body in _components(channel, schemas[channel])},
            "parameters": {
                "company_id": {"description": "The company's number"},
                "machine_id": {"description": f"The machine's serial number, {SERIAL_PATTERN}, case-sensitive"},
            },
            "securitySchemes": {
                "machine": {"type": "userPassword", "description": "The MQTT username and password of one machine"}
            },
        },
    }


def _server(protocol: str, port: int, path: str | None, description: str) -> dict[str, Any]:
    address = {"host": f"{{host}}:{port}", "protocol": protocol, "description": description}
    return {
        **address,
        **({"pathname": path} if path else {}),
        "variables": {"host": {"default": "localhost", "description": "The broker's name"}},
        "security": [{"$ref": "#/components/securitySchemes/machine"}],
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": f"company/{{company_id}}/machine/{{machine_id}}/{channel}",
        "summary": _SUMMARIES[channel],
        "messages": {channel: {"$ref": f"#/components/messages/{channel}"}},
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in ("company_id", "machine_id")},
    }


def _operation(channel: Channel) -> tuple[str, dict[str, Any]]:
    action = "receive" if channel in FROM_MACHINE else "send"
    operation: dict[str, Any] = {
        "action": action,
        "summary": _SUMMARIES[channel],
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{channel}"}],
    }
    if action == "send":
        bindings = {"qos": 0 if channel is Channel.RECEIPT else 1, "retain": False, "bindingVersion": "0.2.0"}
        operation["bindings"] = {"mqtt": bindings}
    return f"{action}_{channel}", operation


def _message(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel,
        "title": channel.capitalize(),
        "summary": _SUMMARIES[channel],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{channel}"},
        "examples": [{"name": name, "payload": payload} for name, payload in EXAMPLES[channel].items()],
    }


def _components(channel: Channel, schema: dict[str, Any]) -> list[tuple[str, Any]]:
    """The payload's schema and its definitions, side by side in the words of AsyncAPI's own dialect."""
    own = {name: value for name, value in schema.items() if name not in ("$schema", "$defs")}
    named = [(str(channel), own), *schema.get("$defs", {}).items()]
    return [(name, _draft_07(body)) for name, body in named]


def _draft_07(node: Any) -> Any:
    """AsyncAPI 3.0 reads draft-07, which spells tuples as `items` and `additionalItems`."""
    if isinstance(node, list):
        return [_draft_07(value) for value in node]
    if not isinstance(node, dict):
        return node
    said = {name: _draft_07(value) for name, value in node.items()}
    if "prefixItems" in said:
        said["additionalItems"] = said.pop("items", True)
        said["items"] = said.pop("prefixItems")
    if isinstance(reference := said.get("$ref"), str):
        said["$ref"] = reference.replace("#/$defs/", "#/components/schemas/")
    return said
