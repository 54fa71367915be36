"""Addresses, and how long to wait between attempts."""

import pytest

from sunsweep.mqtt.backoff import Backoff
from sunsweep.mqtt.settings import settings_from_url


@pytest.mark.parametrize(
    ("url", "host", "port", "secure"),
    [
        ("mqtt://broker", "broker", 1883, False),
        ("mqtt://10.0.0.1:1884", "10.0.0.1", 1884, False),
        ("mqtts://broker.example.com", "broker.example.com", 8883, True),
        ("mqtts://[::1]:99", "::1", 99, True),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, secure: bool) -> None:  # noqa: FBT001  a column
    settings = settings_from_url(url, client_id="x")
    assert (settings.host, settings.port, settings.tls is not None, settings.client_id) == (host, port, secure, "x")
    assert (settings.username, settings.password) == (None, None)


def test_a_login_in_the_address_is_unquoted_and_never_shown() -> None:
    settings = settings_from_url("mqtt://user%40x:p%2Fw@broker")
    assert (settings.username, settings.password) == ("user@x", "p/w")
    assert "p/w" not in repr(settings)


@pytest.mark.parametrize("url", ["broker:1883", "http://broker", "mqtt://", "ws://broker", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt://host"):
        settings_from_url(url)


def test_waits_double_up_to_the_cap_and_start_anew_after_a_reset() -> None:
    backoff = Backoff(first_s=1, cap_s=5, draw=lambda: 1.0)
    assert [backoff.next_s() for _ in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.next_s() == 1


def test_the_jitter_is_full() -> None:
    draws = iter([0.0, 0.5, 1.0])
    backoff = Backoff(first_s=2, cap_s=100, draw=lambda: next(draws))
    assert [backoff.next_s() for _ in range(3)] == [0, 2, 8]
