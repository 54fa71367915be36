"""What EMQX 5.3.0 shows of itself to a doctor: with deploy/emqx/emqx.conf, or with its defaults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from tests.support.emqx import configuration

ROOT: Final = "/api/v5/"
# Of EMQX's schema of 5.3.0.
DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "configs/global_zone": {
        "mqtt": {
            "max_mqueue_len": 1000,
            "max_inflight": 32,
            "max_packet_size": "1MB",
            "session_expiry_interval": "2h",
            "mqueue_store_qos0": True,
            "use_username_as_clientid": False,
            "shared_subscription_strategy": "round_robin",
        },
        "force_shutdown": {"enable": True, "max_mailbox_size": 1000, "max_heap_size": "32MB"},
        "flapping_detect": {"enable": False, "window_time": "1m"},
    },
    "authorization/settings": {
        "no_match": "allow",
        "deny_action": "ignore",
        "cache": {"enable": True, "max_size": 32, "ttl": "1m"},
    },
    "mqtt/retainer": {"enable": True, "backend": {"type": "built_in_database", "storage_type": "ram"}},
}


def as_configured() -> dict[str, dict[str, Any]]:
    """The defaults under what our own file says."""
    conf = configuration()
    said = {
        "configs/global_zone": {name: conf[name] for name in ("mqtt", "force_shutdown", "flapping_detect")},
        "authorization/settings": {name: value for name, value in conf["authorization"].items() if name != "sources"},
        "mqtt/retainer": conf["retainer"],
    }
    return {path: _over(DEFAULTS[path], said[path]) for path in DEFAULTS}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for name, value in above.items():
        both[name] = _over(both[name], value) if isinstance(both.get(name), dict) else value
    return both


@dataclass
class Shown:
    """Answers of `EmqxApi`: set as its `answer`."""

    trees: dict[str, Any] = field(default_factory=as_configured)
    metrics: dict[str, int] = field(default_factory=lambda: {"delivery.dropped.queue_full": 0})
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"node": "emqx@127.0.0.1", "version": "5.3.0", "node_status": "running", "max_fds": 1048576}
        ]
    )
    listeners: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"id": "ssl:default", "bind": "0.0.0.0:8883", "enable": True, "status": {"running": True}}
        ]
    )

    def __call__(self, asked: str) -> tuple[int, bytes] | None:
        method, _, target = asked.partition(" ")
        path = urlsplit(target).path.removeprefix(ROOT)
        shown = self.trees | {"nodes": self.nodes, "listeners": self.listeners, "metrics": self.metrics}
        shown |= {f"clients/{name}": session for name, session in self.sessions.items()}
        if method == "GET" and path == "status":
            return HTTPStatus.OK, b"Node emqx@127.0.0.1 is started"
        if method == "GET" and path in shown:
            return HTTPStatus.OK, json.dumps(shown[path]).encode()
        return None
