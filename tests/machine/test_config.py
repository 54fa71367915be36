"""The machine's file, and what is said when it is wrong."""

from pathlib import Path
from random import Random

import pytest

from sunsweep.machine.backoff import Backoff, Pace
from sunsweep.machine.config import ConfigError, load_config
from sunsweep.machine.endpoint import BadUrl, Endpoint, parse_endpoint

GOOD = """
broker = "mqtt://broker.example"
company_id = 1
machine_id = "scm-1"
mqtt_username = "m-abc"
mqtt_password = "secret"
"""


def load(folder: Path, text: str) -> object:
    file = folder / "machine.toml"
    file.write_text(text)
    return load_config(file)


def test_the_least_that_is_needed_has_sane_intervals(tmp_path: Path) -> None:
    file = tmp_path / "machine.toml"
    file.write_text(GOOD)
    config = load_config(file)
    assert (config.telemetry_interval_s, config.heartbeat_interval_s, config.receipts) == (30, 60, True)
    assert config.endpoints == [Endpoint("broker.example", 1883, "tcp", tls=False, path="/mqtt")]


def test_the_password_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-a-file\n")
    file = tmp_path / "machine.toml"
    file.write_text(GOOD.replace('mqtt_password = "secret"', 'mqtt_password_file = "password"'))
    assert load_config(file).mqtt_password == "from-a-file"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("company_id = 1", 'company_id = "one"'), "`company_id`"),
        (("company_id = 1", ""), "company_id"),
        (('"scm-1"', '"scm/1"'), "`machine_id`"),
        (("company_id = 1", "company_id = 1\ntelemetry_interval_s = 0"), "`telemetry_interval_s`"),
        (("company_id = 1", "company_id = 1\ncolour = 1"), "colour"),
        (("company_id = 1", 'company_id = 1\ndriver = "mk9"'), "no driver 'mk9'"),
        (("mqtt://", "http://"), "must begin with mqtt://.*`broker`"),
        (('mqtt_password = "secret"', ""), "mqtt_password_file"),
        (('mqtt_password = "secret"', 'mqtt_password_file = "none"'), "none: No such file"),
        (("company_id = 1", "company_id ="), "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, GOOD.replace(*change))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "machine.toml: .*missing required field"),
        (b"\0" * 4096, "machine.toml: is not TOML"),
        (GOOD.encode()[:60], "machine.toml: "),
        (b"\xff\xfe" + GOOD.encode(), "machine.toml: is not UTF-8 text"),
    ],
)
def test_a_file_spoiled_by_a_power_cut_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "machine.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        load_config(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"machine\.toml: No such file"):
        load_config(tmp_path / "machine.toml")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtt://h", Endpoint("h", 1883, "tcp", tls=False, path="/mqtt")),
        ("mqtts://h", Endpoint("h", 8883, "tcp", tls=True, path="/mqtt")),
        ("ws://h/", Endpoint("h", 8083, "websockets", tls=False, path="/mqtt")),
        ("wss://h:443/broker", Endpoint("h", 443, "websockets", tls=True, path="/broker")),
        ("mqtt://[::1]:1884", Endpoint("::1", 1884, "tcp", tls=False, path="/mqtt")),
    ],
)
def test_the_url_chooses_the_transport(url: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(url) == endpoint


@pytest.mark.parametrize("url", ["", "h:1883", "mqtt://", "mqtt://h:99999", "mqtt://u:p@h", "tcp://h"])
def test_what_is_no_url_of_a_broker_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        parse_endpoint(url)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("broker", "mqttz://user:s3cret@h"),
        ("broker", "mqtt://user:s3cret@"),
        ("broker", "mqtt://user:s3cret"),
        ("broker", "mqtt://user:s3cret/x@h"),
        ("http_proxy", "http://user:s3cret/x@proxy:3128"),
    ],
)
def test_a_password_that_strayed_into_a_url_is_not_shown(tmp_path: Path, name: str, url: str) -> None:
    text = GOOD.replace('broker = "mqtt://broker.example"', f'broker = "{url}"')
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text if name == "broker" else f'{GOOD}\n{name} = "{url}"')
    assert f"`{name}`" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_waits_grow_with_full_jitter_up_to_the_longest() -> None:
    backoff = Backoff(Random(1), Pace(first_s=1, longest_s=300))
    waits = [backoff.next_s() for _ in range(200)]
    assert waits[0] <= 1
    assert max(waits) <= 300
    assert max(waits[20:]) > 200
    assert min(waits[20:]) < 60
    assert 150 <= backoff.longest_s() <= 300
    backoff.reset()
    assert backoff.next_s() <= 1
