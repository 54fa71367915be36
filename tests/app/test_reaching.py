"""Which server a window of its own means."""

import pytest

from sunsweep.app.reaching import address_of


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("solar.example.com", "https://solar.example.com"),
        (" https://solar.example.com/ ", "https://solar.example.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("solar.example.com:8443", "https://solar.example.com:8443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_what_a_person_types_is_an_address(typed: str, meant: str) -> None:
    assert address_of(typed) == meant


@pytest.mark.parametrize("typed", ["", "https://", "ftp://solar.example.com", "solar.example.com/app", "http://a?b=1"])
def test_what_is_none_is_told(typed: str) -> None:
    with pytest.raises(ValueError, match="no server's address"):
        address_of(typed)
