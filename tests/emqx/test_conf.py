"""emqx.conf itself: closed by default, nothing dropped in silence, no secret, and only keys that EMQX 5.3.0 knows."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from sunsweep.contract.limits import MAX_UNRECEIPTED
from sunsweep.mqtt.settings import ConnectionSettings
from tests.support.emqx import CONF, configuration

CONFIGURATION: Final = configuration()
LISTENER: Final = {"bind", "max_conn_rate", "enable_authn"}
SSL: Final = {"cacertfile", "certfile", "keyfile", "verify", "fail_if_no_peer_cert", "versions"}
MYSQL: Final = {"server", "database", "username", "pool_size", "query"}
KNOWN: Final = frozenset(
    {
        *(f"node.{key}" for key in ("name", "data_dir")),
        "telemetry.enable",
        "dashboard.listeners.http.bind",
        "api_key.bootstrap_file",
        *(f"listeners.{kind}.default.{key}" for kind in ("tcp", "ws", "ssl", "wss") for key in LISTENER),
        *(
            f"listeners.{kind}.default.{key}"
            for kind in ("ws", "ssl", "wss")
            for key in ("messages_rate", "bytes_rate")
        ),
        *(f"listeners.{kind}.default.websocket.mqtt_path" for kind in ("ws", "wss")),
        *(f"listeners.{kind}.default.ssl_options.{key}" for kind in ("ssl", "wss") for key in SSL),
        *(f"authentication.{key}" for key in (*MYSQL, "mechanism", "backend", "query_timeout")),
        *(f"authentication.password_hash_algorithm.{key}" for key in ("name", "mac_fun", "iterations")),
        *(f"authorization.{key}" for key in ("no_match", "deny_action", "cache.enable", "cache.max_size", "cache.ttl")),
        *(f"authorization.sources.{key}" for key in (*MYSQL, "type", "enable")),
        *(
            f"mqtt.{key}"
            for key in (
                "max_packet_size",
                "max_inflight",
                "max_mqueue_len",
                "mqueue_store_qos0",
                "max_awaiting_rel",
                "session_expiry_interval",
                "shared_subscription_strategy",
                "use_username_as_clientid",
            )
        ),
        *(f"force_shutdown.{key}" for key in ("enable", "max_mailbox_size", "max_heap_size")),
        "flapping_detect.enable",
        "retainer.enable",
        *(f"retainer.backend.{key}" for key in ("type", "storage_type", "max_retained_messages")),
        "delayed.enable",
        *(
            f"sys_topics.sys_event_messages.client_{event}"
            for event in ("connected", "disconnected", "subscribed", "unsubscribed")
        ),
    }
)
"""Out of EMQX's schema of 5.3.0: another key keeps it from starting, so look there before you add one here."""


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(tree, list) and tree and isinstance(tree[0], dict):
        for value in tree:
            yield from leaves(value, path)
    else:
        yield path, tree


def test_every_key_is_one_of_emqx() -> None:
    assert {path for path, _ in leaves(CONFIGURATION)} <= KNOWN


def test_who_matches_no_rule_is_refused_and_the_database_is_the_only_source() -> None:
    authorization = CONFIGURATION["authorization"]
    assert authorization["no_match"] == "deny"
    assert [source["type"] for source in authorization["sources"]] == ["mysql"]
    assert [one["backend"] for one in CONFIGURATION["authentication"]] == ["mysql"]


def test_no_right_hangs_on_a_clientid() -> None:
    (source,) = CONFIGURATION["authorization"]["sources"]
    assert set(re.findall(r"\$\{(\w+)\}", source["query"])) == {"username"}


def test_placeholders_stand_unquoted() -> None:
    for entry in (*CONFIGURATION["authentication"], *CONFIGURATION["authorization"]["sources"]):
        assert not re.search(r"['\"]\$\{", entry["query"])


def test_a_refusal_is_not_remembered_for_a_day() -> None:
    """EMQX caches refusals as well as rights; only a new connection asks anew."""
    assert CONFIGURATION["authorization"]["cache"] == {"enable": True, "max_size": 50_000, "ttl": "1d"}
    assert CONFIGURATION["authorization"]["deny_action"] == "disconnect"


@pytest.mark.parametrize("kind", ["tcp", "ws"])
def test_without_tls_only_this_computer_connects(kind: str) -> None:
    assert CONFIGURATION["listeners"][kind]["default"]["bind"].startswith("127.0.0.1:")


def test_the_admin_interface_is_for_this_computer_too() -> None:
    assert CONFIGURATION["dashboard"]["listeners"]["http"]["bind"].startswith("127.0.0.1:")


def test_the_four_transports_have_the_contract_s_ports_and_paths() -> None:
    listeners = CONFIGURATION["listeners"]
    ports = {kind: int(listener["default"]["bind"].rpartition(":")[2]) for kind, listener in listeners.items()}
    assert ports == {"tcp": 1883, "ssl": 8883, "ws": 8083, "wss": 8084}
    assert {listeners[kind]["default"]["websocket"]["mqtt_path"] for kind in ("ws", "wss")} == {"/mqtt"}
    assert {listener["default"]["enable_authn"] for listener in listeners.values()} == {"quick_deny_anonymous"}


@pytest.mark.parametrize("kind", ["ssl", "wss"])
def test_tls_shows_our_certificate_and_is_not_old(kind: str) -> None:
    options = CONFIGURATION["listeners"][kind]["default"]["ssl_options"]
    assert options["versions"] == ["tlsv1.3", "tlsv1.2"]
    names = [options[key].rpartition("/")[2] for key in ("cacertfile", "certfile", "keyfile")]
    assert names == ["ca.crt", "server.crt", "server.key"]


def test_the_limits_are_no_lower_than_those_that_lost_nothing() -> None:
    mqtt, shutdown = CONFIGURATION["mqtt"], CONFIGURATION["force_shutdown"]
    assert mqtt["max_inflight"] >= ConnectionSettings(host="any").receive_maximum >= 1000
    assert mqtt["max_mqueue_len"] >= 100_000
    assert shutdown["max_mailbox_size"] >= 100_000
    # A kilobyte of the process's heap for each message that may wait, or it is killed before its queue is full.
    assert gigabytes(shutdown["max_heap_size"]) * 2**30 >= mqtt["max_mqueue_len"] * 1024
    assert mqtt["shared_subscription_strategy"] == "hash_topic"


def test_no_client_floods_but_a_machine_that_catches_up_is_not_held_down() -> None:
    listeners = CONFIGURATION["listeners"]
    for kind in ("ws", "ssl", "wss"):
        messages = int(listeners[kind]["default"]["messages_rate"].removesuffix("/s"))
        assert 2 * MAX_UNRECEIPTED <= messages <= 1000
        assert megabytes(listeners[kind]["default"]["bytes_rate"]) * 2**20 >= messages * 4096
    # The backend comes in here, and answers for all machines at once.
    assert "messages_rate" not in listeners["tcp"]["default"]


def megabytes(text: str) -> int:
    return int(text.removesuffix("MB/s"))


def gigabytes(text: str) -> int:
    return int(text.removesuffix("GB"))


def test_there_is_no_secret_in_it() -> None:
    assert [path for path, _ in leaves(CONFIGURATION) if re.search(r"password$|cookie|secret", path)] == []
    assert "default_password" not in CONF.read_text()
