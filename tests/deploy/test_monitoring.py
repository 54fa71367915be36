"""deploy/monitoring: every figure that an alert or a picture names exists, and everything asked is there to answer."""

import json
import re
from itertools import combinations
from typing import Any, Final

import pytest
import yaml

from tests.support.compose import ROOT, composed

MONITORING: Final = ROOT / "deploy" / "monitoring"
DASHBOARDS: Final = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
EMQX: Final = frozenset(
    {
        "emqx_connections_count", "emqx_sessions_count", "emqx_subscriptions_count",
        "emqx_messages_received", "emqx_messages_sent", "emqx_messages_acked", "emqx_messages_dropped_no_subscribers",
        "emqx_delivery_dropped_queue_full", "emqx_delivery_dropped_expired",
        "emqx_packets_connect", "emqx_packets_connack_auth_error", "emqx_packets_publish_auth_error",
        "emqx_vm_cpu_use", "emqx_vm_used_memory",
    }
)  # fmt: skip
"""Of apps/emqx_prometheus in EMQX's source of 5.x before 5.4: look there before you add one."""
OTHERS: Final = frozenset(
    {
        "up", "ALERTS", "process_cpu_seconds_total", "node_load1", "node_load15", "node_timex_sync_status",
        "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
        "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes",
    }
)  # fmt: skip
"""Prometheus's own, a process's, and of the node exporter's collectors that compose.yaml turns on."""
_METRIC: Final = re.compile(r"\b(?:(?:sunsweep|emqx|node|process)_\w+|up|ALERTS)\b")
_ROW: Final = re.compile(r"\| `(\w+)` \| (\w+) \| (.*?) \|")


def ours() -> dict[str, set[str]]:
    """Each name that /metrics may show, with its labels."""
    found: dict[str, set[str]] = {}
    for name, kind, labels in _ROW.findall((ROOT / "docs" / "metrics.md").read_text()):
        known = set(re.findall(r"`(\w+)`", labels)) | {"job", "instance"}
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {f"{name}{end}": known | {"le"} for end in ends}
    return found


def loaded(name: str) -> Any:
    return yaml.safe_load((MONITORING / name).read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in loaded("rules.yml")["groups"] for rule in group["rules"]]


def panels() -> list[tuple[str, dict[str, Any]]]:
    return [(file.stem, panel) for file in DASHBOARDS for panel in json.loads(file.read_text())["panels"]]


def expressions() -> list[str]:
    drawn = [target["expr"] for _, panel in panels() for target in panel["targets"]]
    return drawn + [rule["expr"] for rule in rules()]


@pytest.mark.parametrize("expression", expressions())
def test_every_figure_exists(expression: str) -> None:
    named = set(_METRIC.findall(expression))
    assert named
    assert named <= ours().keys() | EMQX | OTHERS


@pytest.mark.parametrize("expression", [one for one in expressions() if " by (" in one])
def test_every_label_that_is_asked_for_exists(expression: str) -> None:
    asked = {label for inner in re.findall(r" by \(([^)]*)\)", expression) for label in inner.split(", ")}
    known = [ours()[name] for name in _METRIC.findall(expression)]
    assert all(asked <= labels for labels in known)


def test_a_figure_that_is_gone_would_be_noticed() -> None:
    assert "sunsweep_ingest_gone" not in ours()
    assert {"sunsweep_ingest_lag_seconds_bucket", "sunsweep_ingest_stored_total"} <= ours().keys()
    assert "sunsweep_ingest_lag_seconds" not in ours()


def test_what_loses_messages_is_told() -> None:
    told = " ".join(rule["expr"] for rule in rules())
    for name in (
        "emqx_delivery_dropped_queue_full",
        "sunsweep_ingest_members_unheld",
        "sunsweep_ingest_refusal_alarm",
        "sunsweep_ingest_store_away",
        "sunsweep_ingest_stuck",
        "node_filesystem_avail_bytes",
        "node_timex_sync_status",
    ):
        assert name in told


def test_every_alert_says_how_bad_it_is_and_what_is_amiss() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_whatever_is_asked_is_a_service_that_answers_there(env: dict[str, str]) -> None:
    services = composed(env)["services"]
    asked = {}
    for job in loaded("prometheus.yml")["scrape_configs"]:
        for target in [target for static in job.get("static_configs", []) for target in static["targets"]]:
            asked[job["job_name"]] = tuple(target.split(":"))
        for lookup in job.get("dns_sd_configs", []):
            asked[job["job_name"]] = (*lookup["names"], str(lookup["port"]))
    assert asked == {
        "api": ("api", services["api"]["environment"]["SUNSWEEP_PORT"]),
        "ingest": ("ingest", option(services["ingest"], "--metrics-port=")),
        "broker": ("solar_emqx", "18083"),
        "certs": ("certs", option(services["certs"], "--metrics-port=")),
        "node": ("node", "9100"),
    }
    assert {name for name, _ in asked.values()} <= set(services)
    assert all("inside" in services[name]["networks"] for name, _ in (*asked.values(), ("prometheus", "")))


def option(service: dict[str, Any], name: str) -> str:
    (found,) = [word.removeprefix(name) for word in service["command"] if word.startswith(name)]
    return str(found)


def test_prometheus_and_grafana_find_their_files(env: dict[str, str]) -> None:
    services = composed(env)["services"]
    targets = [volume.split(":")[1] for name in ("prometheus", "grafana") for volume in services[name]["volumes"]]
    assert loaded("prometheus.yml")["rule_files"] == ["/etc/prometheus/rules.yml"]
    assert "/etc/prometheus/rules.yml" in targets
    (provider,) = loaded("grafana/provisioning/dashboards/sunsweep.yml")["providers"]
    assert provider["options"]["path"] in targets
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{DASHBOARDS[1].name}"


def test_every_picture_asks_the_source_that_is_provisioned() -> None:
    (source,) = loaded("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    for where, panel in panels():
        used = {json.dumps(one["datasource"]) for one in (panel, *panel["targets"])}
        assert used == {json.dumps({"type": source["type"], "uid": source["uid"]})}, (where, panel["title"])


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_no_picture_lies_over_another(file: Any) -> None:
    board = json.loads(file.read_text())
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    assert len({panel["id"] for panel in board["panels"]}) == len(places)


def test_the_boards_are_three() -> None:
    assert [file.stem for file in DASHBOARDS] == ["broker", "fleet", "ingest"]
    assert len({json.loads(file.read_text())["uid"] for file in DASHBOARDS}) == 3
