"""What is told of a certificate: as a machine meets it at the broker, and as it lies in files."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sunsweep.server.tls_dates import (
    Certificate,
    Fault,
    Finding,
    look_at_authorities,
    look_at_pair,
    look_at_server,
)
from tests.support.authority import Authority, Pair, showing
from tests.support.ports import free_port

NOW = datetime.now(UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def found(pair: Pair, authority: Authority | None, *, name: str | None = None) -> Finding:
    async with showing(pair) as port:
        ca_file = authority.file if authority is not None else None
        return await look_at_server("127.0.0.1", port, ca_file=ca_file, name=name)


async def test_a_server_that_machines_trust_tells_its_dates_and_names(authority: Authority) -> None:
    finding = await found(authority.sign("server", host="broker.example.org", days=30_000), authority)
    shown = finding.certificate
    assert shown is not None
    assert (finding.fault, finding.due) == (None, False)
    assert (shown.issuer, shown.subject) == ("ca", "server")
    assert shown.names == ("broker.example.org", "127.0.0.1")
    assert shown.days_left(NOW) == pytest.approx(30_000, abs=0.1)
    assert f"good until {shown.not_after:%Y-%m-%d} (30000 days) for broker.example.org" in finding.words


async def test_a_name_of_its_own_is_asked_for(authority: Authority) -> None:
    pair = authority.sign("server", host="broker.example.org", address=None)
    assert (await found(pair, authority, name="broker.example.org")).fault is None
    finding = await found(pair, authority, name="other.example.org")
    assert finding.fault is Fault.OTHER_NAME
    assert finding.words == "it is not for other.example.org, but for broker.example.org"


async def test_what_is_refused_is_read_nevertheless(tmp_path: Path, authority: Authority) -> None:
    expired = await found(authority.sign("server", days=-3), authority)
    assert expired.fault is Fault.EXPIRED
    assert expired.certificate is not None
    assert f"expired on {expired.certificate.not_after:%Y-%m-%d}" in expired.words
    assert -3.1 < expired.certificate.days_left(datetime.now(UTC)) < -2.9
    stranger = await found(authority.sign("server"), Authority(tmp_path, "other"))
    assert stranger.fault is Fault.UNTRUSTED
    assert stranger.certificate is not None
    assert "signed by ca" in stranger.words
    nobody_knows = await found(authority.sign("server"), None)
    assert nobody_knows.fault is Fault.UNTRUSTED


async def test_what_is_no_tls_and_what_is_not_there(authority: Authority) -> None:
    async with showing(None) as port:
        plain = await look_at_server("127.0.0.1", port, ca_file=authority.file)
    assert plain.fault is Fault.NO_TLS
    away = await look_at_server("127.0.0.1", free_port(), ca_file=authority.file)
    assert (away.fault, away.certificate) == (Fault.AWAY, None)
    unknown = await look_at_server("nobody.invalid", 8883, ca_file=authority.file)
    assert unknown.fault is Fault.AWAY


async def test_a_server_that_says_nothing_is_not_waited_for(authority: Authority) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        finding = await look_at_server("127.0.0.1", port, ca_file=authority.file, timeout_s=0.2)
    assert (finding.fault, finding.words) == (Fault.AWAY, "no answer within 0.2 s")


async def test_a_ca_file_that_is_none_is_said(tmp_path: Path) -> None:
    missing = await look_at_server("127.0.0.1", 1, ca_file=tmp_path / "none.crt")
    assert missing.fault is Fault.UNREADABLE
    assert missing.words == f"{tmp_path / 'none.crt'}: No such file or directory"
    (tmp_path / "empty.crt").write_text("nothing")
    assert (await look_at_server("127.0.0.1", 1, ca_file=tmp_path / "empty.crt")).fault is Fault.UNREADABLE


def test_a_pair_is_good_for_its_hosts_under_its_authority(authority: Authority) -> None:
    pair = authority.sign("server", host="broker.example.org")
    assert look_at_pair(*pair, hosts=["broker.example.org", "127.0.0.1"], ca_file=authority.file).fault is None
    assert look_at_pair(*pair, hosts=["127.0.0.2"]).fault is Fault.OTHER_NAME


def test_a_renewal_that_does_not_come_is_due(authority: Authority) -> None:
    """Of a life of 10,365 days a quarter is 2,591."""
    pair = authority.sign("server", days=2_600)
    finding = look_at_pair(*pair)
    assert finding.certificate is not None
    life = finding.certificate.not_after - finding.certificate.not_before
    quarter = finding.certificate.not_after - life / 4
    assert not look_at_pair(*pair, now=quarter - timedelta(minutes=1)).due
    late = look_at_pair(*pair, now=quarter + timedelta(minutes=1))
    assert (late.due, late.fault) == (True, None)
    assert "should have been renewed by now" in late.words
    assert look_at_pair(*pair, now=finding.certificate.not_after).fault is Fault.EXPIRED
    assert look_at_pair(*pair, now=finding.certificate.not_before - timedelta(hours=1)).fault is Fault.NOT_YET


def test_files_that_do_not_belong_together(tmp_path: Path, authority: Authority) -> None:
    pair, other = authority.sign("server"), authority.sign("other")
    finding = look_at_pair(pair.cert, other.key)
    assert (finding.fault, finding.words) == (Fault.OTHER_KEY, f"{other.key} is not the key of {pair.cert}")
    assert look_at_pair(*pair, ca_file=Authority(tmp_path, "stranger").file).fault is Fault.UNTRUSTED


@pytest.mark.parametrize(
    "spoil",
    [Path.unlink, lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"\0" * 10)],
    ids=["missing", "empty", "rubbish"],
)
def test_files_that_hold_nothing_are_named(authority: Authority, spoil: Callable[[Path], object]) -> None:
    for which in ("cert", "key"):
        pair = authority.sign("server")
        file: Path = getattr(pair, which)
        spoil(file)
        finding = look_at_pair(*pair)
        assert finding.fault is Fault.UNREADABLE
        assert finding.words.startswith(f"{file}: ")


def test_each_authority_of_a_bundle_is_looked_at_and_its_end_told_a_year_ahead(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_bytes(b"".join(Authority(tmp_path, name).file.read_bytes() for name in ("old", "new")))
    subjects = [one.certificate.subject for one in look_at_authorities(bundle) if one.certificate is not None]
    assert subjects == ["old", "new"]
    assert [one.due for one in look_at_authorities(bundle)] == [False, False]
    late = look_at_authorities(bundle, now=NOW + timedelta(days=3650 - 364))
    assert [one.due for one in late] == [True, True]
    assert all("every machine must know its successor before" in one.words for one in late)
    assert [one.fault for one in look_at_authorities(tmp_path / "none.crt")] == [Fault.UNREADABLE]


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("broker.example.org", True),
        ("BROKER.example.org", True),
        ("a.wild.example.org", True),
        ("a.b.wild.example.org", False),
        ("wild.example.org", False),
        ("2001:DB8::0:1", True),
        ("192.0.2.7", True),
        ("192.0.2.70", False),
        ("", False),
    ],
)
def test_names_are_compared_as_clients_compare_them(host: str, *, covered: bool) -> None:
    names = ("broker.example.org", "*.wild.example.org", "2001:db8::1", "192.0.2.7")
    one = Certificate(subject="", issuer="", names=names, serial=1, not_before=NOW, not_after=NOW)
    assert one.covers(host) is covered
