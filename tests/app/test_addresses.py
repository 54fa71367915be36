"""What stands behind an address's question mark."""

import pytest

from sunsweep.app.addresses import address, all_asked, asked, asking


@pytest.mark.parametrize(
    ("route", "value"),
    [
        ("/machines/M-1", "live"),
        ("/machines/M-1?tab=", "live"),
        ("/machines/M-1?tab=ledger", "ledger"),
        ("/machines/M-1?span=24h&tab=a%20b", "a b"),
        ("/machines/M-1?tab=first&tab=last", "last"),
        ("", "live"),
    ],
)
def test_a_value_is_read(route: str, value: str) -> None:
    assert asked(route, "tab", "live") == value


def test_a_change_keeps_the_rest() -> None:
    assert asking("/machines/M-1?span=24h", tab="ledger") == "/machines/M-1?span=24h&tab=ledger"
    assert asking("/machines/M-1?tab=ledger&span=24h", tab="") == "/machines/M-1?span=24h"
    assert asking("/machines/M-1?tab=ledger", tab="") == "/machines/M-1"


def test_what_is_written_is_read_again() -> None:
    assert asked(asking("/", q="größer & 50 %, sì?"), "q") == "größer & 50 %, sì?"


def test_an_address_says_what_is_not_usual() -> None:
    assert address("/commands", state="", before="") == "/commands"
    assert address("/commands/new", machine=["M-1", "M-2"], command="pause") == (
        "/commands/new?machine=M-1&machine=M-2&command=pause"
    )
    assert all_asked("/commands/new?machine=M-1&machine=M-2&command=pause", "machine") == ["M-1", "M-2"]
