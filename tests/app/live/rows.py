"""Rows of the API and frames of the sockets, as the server writes them."""

from datetime import UTC, datetime
from typing import Any

NOW_MS = 1_800_000_000_000


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row(machine_id: str = "M-1", *, current: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    newest = {
        "machine_id": machine_id,
        "status": None,
        "energy": None,
        "water": None,
        "area": None,
        "status_extra": {},
        "ts": None,
        "presence": "offline",
        "presence_since": None,
        "presence_cause": "never_heard",
        "heard_at": None,
        "software": None,
        "telemetry": None,
        **(current or {}),
    }
    return {
        "machine_id": machine_id,
        "company_id": 1,
        "name": "",
        "model": "",
        "tags": [],
        "lat": None,
        "lon": None,
        "enabled": True,
        "expected_interval_s": 60,
        "created_at": iso(NOW_MS - 10_000_000),
        "open_stop": None,
        "refused_at": None,
        "last_command": None,
        "current": newest,
        **more,
    }


def frame(kind: str, at_ms: int, data: dict[str, Any], machine_id: str = "M-1") -> dict[str, Any]:
    return {"type": kind, "machine_id": machine_id, "ts": iso(at_ms), "data": data}


def online(since_ms: int = NOW_MS - 3_600_000, **more: Any) -> dict[str, Any]:
    return {
        "presence": "online",
        "presence_since": iso(since_ms),
        "presence_cause": "heard",
        "heard_at": iso(NOW_MS - 5_000),
        **more,
    }
