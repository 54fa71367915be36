"""The order in which a broker's URLs are tried, the memory of it, and what the machine's file says of the way there."""

from pathlib import Path

import pytest

from sunsweep.machine.config import ConfigError, load_config
from sunsweep.machine.endpoint import BadUrl, HttpProxy, parse_endpoint, parse_proxy
from sunsweep.machine.routes import FILE, RouteMemory, Routes
from tests.machine.test_config import GOOD, load
from tests.support.authority import Authority

A, B, C = (parse_endpoint(f"mqtt://{host}") for host in "abc")


def tried(routes: Routes) -> str:
    """A round of failures."""
    hosts = ""
    while True:
        hosts += routes.current.host
        if routes.failed():
            return hosts


def test_the_files_order_where_nothing_is_known() -> None:
    assert tried(Routes([A, B, C, A])) == "abc"
    assert tried(Routes([A, B, C], "mqtt://gone:1883")) == "abc"


def test_what_worked_comes_first_also_after_a_restart() -> None:
    routes = Routes([A, B, C])
    routes.failed()
    assert routes.worked(), "news"
    assert not routes.worked(), "no news"
    assert routes.better == [A]
    assert tried(routes) == "bac"
    assert tried(Routes([A, B, C], str(C))) == "cab"


def test_after_a_better_one_that_fails_comes_the_one_that_worked() -> None:
    routes = Routes([A, B, C], str(C))
    assert routes.better == [A, B]
    routes.prefer(A)
    assert tried(routes) == "acb"
    routes.worked()
    assert routes.better == []
    assert tried(routes) == "abc"


def test_a_single_url_is_not_worth_a_file() -> None:
    assert not Routes([A]).worked()


def test_the_memory_survives_damage_and_a_missing_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = RouteMemory(str(tmp_path / "state"))
    assert memory.recall() is None
    memory.keep("wss://h:443/mqtt")
    assert RouteMemory(str(tmp_path / "state")).recall() == "wss://h:443/mqtt"
    for damaged in (b"\0" * 20, b'{"url":"wss://\xff"}'):
        (tmp_path / "state" / FILE).write_bytes(damaged)
        assert memory.recall() is None
    nowhere = RouteMemory(str(tmp_path / "state" / FILE))
    nowhere.keep("mqtt://h:1883")
    assert nowhere.recall() is None
    assert "cannot be kept" in caplog.text
    nothing = RouteMemory(None)
    nothing.keep("mqtt://h:1883")
    assert nothing.recall() is None


@pytest.mark.parametrize("url", ["mqtt://h:1884", "mqtts://h:8883", "ws://[::1]:8083/mqtt", "wss://h:443/broker"])
def test_an_endpoint_is_written_as_its_url(url: str) -> None:
    assert str(parse_endpoint(url)) == url


def test_a_proxys_url() -> None:
    assert parse_proxy("http://proxy:8080") == HttpProxy("proxy", 8080, None)
    assert parse_proxy("http://u:p%40@proxy") == HttpProxy("proxy", 3128, "Basic dTpwQA==")
    for bad in ("socks5://h", "proxy:8080", "https://u:secret@h", "http://u:secret@h:x"):
        with pytest.raises(BadUrl) as refusal:
            parse_proxy(bad)
        assert "secret" not in str(refusal.value)


def test_certificates_lie_beside_the_machines_file_and_are_read_at_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.sign("scm-1")
    names = f'ca_file = "ca.pem"\nclient_cert_file = "{pair.cert.name}"\nclient_key_file = "{pair.key.name}"\n'
    file = tmp_path / "machine.toml"
    file.write_text(GOOD + names)
    config = load_config(file)
    assert (config.ca_file, config.client_cert_file) == (str(authority.file), str(pair.cert))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('ca_file = "none.pem"', r"none\.pem: No such file"),
        ('ca_file = "machine.toml"', r"machine\.toml: holds no certificates"),
        ('client_key_file = "ca.pem"', "needs a `client_cert_file`"),
        ('client_cert_file = "ca.pem"', "ca.pem: are no certificate and its key"),
        ('client_cert_file = "none.pem"', r"none\.pem: No such file"),
        ('http_proxy = "ftp://h"', "a proxy is http://.*`http_proxy`"),
    ],
)
def test_what_is_wrong_with_the_way_is_named(tmp_path: Path, line: str, words: str) -> None:
    Authority(tmp_path)
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, GOOD + line)
