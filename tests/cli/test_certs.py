"""The private authority: its certificates verify, name their hosts, and are renewed without a new authority."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from sunsweep.cli.certificates import (
    HANDOVER_AHEAD,
    SUCCESSOR_AHEAD,
    CertificateError,
    Files,
    issue,
    signs_now,
    succeed,
)
from sunsweep.cli.verbs import cli
from sunsweep.mqtt.client import discard
from sunsweep.mqtt.connect import opened
from sunsweep.mqtt.link import Link
from sunsweep.mqtt.settings import settings_from_url
from sunsweep.server.tls_dates import Fault, look_at_pair
from tests.machine.broker import BACKEND, Broker
from tests.support.authority import Authority
from tests.support.ports import free_port

NAMES = ["broker.example.org", "127.0.0.1", "::1"]
NOW = datetime.now(UTC)


pytestmark = pytest.mark.usefixtures("outside_of_any_loop")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made, fresh = issue(tmp_path / "certs", NAMES)
    assert fresh
    return made


def read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def verified(files: Files, *options: str) -> bool:
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        *options,
        "-CAfile",
        str(files.ca),
        str(files.server),
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_openssl_verifies_it_for_its_names_only(files: Files) -> None:
    for name in ("broker.example.org",):
        assert verified(files, "-verify_hostname", name)
    for address in ("127.0.0.1", "::1"):
        assert verified(files, "-verify_ip", address)
    assert not verified(files, "-verify_hostname", "other.example.org")
    assert not verified(files, "-verify_ip", "127.0.0.2")


def test_the_authority_lasts_and_the_server_is_renewed_within_a_year(files: Files) -> None:
    assert read(files.ca).not_valid_after_utc - NOW > timedelta(days=3649)
    assert timedelta(days=364) < read(files.server).not_valid_after_utc - NOW < timedelta(days=366)


def test_keys_are_their_owner_s_alone(files: Files) -> None:
    assert {file.stat().st_mode & 0o777 for file in (files.ca_key, files.server_key)} == {0o600}
    assert sorted(file.name for file in files.ca.parent.iterdir()) == ["ca.crt", "ca.key", "server.crt", "server.key"]


def test_again_renews_the_server_and_never_the_authority(files: Files) -> None:
    authority, key, server = files.ca.read_bytes(), files.ca_key.read_bytes(), files.server.read_bytes()
    _, fresh = issue(files.ca.parent, ["new.example.org"])
    assert not fresh
    assert (files.ca.read_bytes(), files.ca_key.read_bytes()) == (authority, key)
    assert files.server.read_bytes() != server
    assert verified(files, "-verify_hostname", "new.example.org")
    assert not verified(files, "-verify_hostname", "broker.example.org")


def test_half_an_authority_is_not_made_whole(files: Files) -> None:
    files.ca_key.unlink()
    with pytest.raises(CertificateError, match=r"ca\.key is missing"):
        issue(files.ca.parent, NAMES)
    assert not files.ca_key.exists()


def test_a_certificate_that_somebody_else_has_signed_stays(tmp_path: Path, files: Files) -> None:
    foreign = Authority(tmp_path).sign("server").cert.read_bytes()
    files.server.write_bytes(foreign)
    with pytest.raises(CertificateError, match="not of this authority"):
        issue(files.ca.parent, NAMES)
    assert files.server.read_bytes() == foreign


def test_a_key_of_another_authority_signs_nothing(tmp_path: Path, files: Files) -> None:
    other, _ = issue(tmp_path / "other", NAMES)
    files.ca_key.write_bytes(other.ca_key.read_bytes())
    with pytest.raises(CertificateError, match="is not the key of"):
        issue(files.ca.parent, NAMES)


def test_an_authority_that_has_ended_signs_nothing(files: Files) -> None:
    with pytest.raises(CertificateError, match="has ended"):
        issue(files.ca.parent, NAMES, now=NOW + timedelta(days=3651))


@pytest.mark.parametrize("name", ["", "a b", "https://a.example", "a..b", "bücher.example", "1.2.3.4:8883", "*"])
def test_what_is_no_name_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    ended = CliRunner().invoke(cli, ["certs", "--data", str(tmp_path / "certs"), "--host", name])
    assert ended.exit_code == 1
    assert "neither a host name nor an address" in ended.stderr
    assert not (tmp_path / "certs").exists()


def test_the_verb_says_what_each_file_is_for(tmp_path: Path) -> None:
    words = ["certs", "--data", str(tmp_path), "--host", "broker.example.org", "--host", "127.0.0.1"]
    first, second = CliRunner().invoke(cli, words), CliRunner().invoke(cli, words)
    assert (first.exit_code, second.exit_code) == (0, 0)
    for name in ("ca.crt", "ca.key", "server.crt", "server.key", "SUNSWEEP_MQTT_CA_FILE", "/opt/emqx/etc/sunsweep/"):
        assert name in first.stdout
    assert "made, good for 10 years" in first.stdout
    assert "as it was" in second.stdout


def test_the_successor_comes_in_time_signs_in_time_and_both_are_trusted_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    succeed(folder, now=NOW)
    assert not folder.exists()
    files, _ = issue(folder, NAMES, now=NOW)
    first = files.ca.read_bytes()

    succeed(folder, now=NOW + timedelta(days=3650) - SUCCESSOR_AHEAD - timedelta(days=1))
    assert files.ca.read_bytes() == first
    early = NOW + timedelta(days=3650) - SUCCESSOR_AHEAD + timedelta(days=1)
    succeed(folder, now=early)
    both = files.ca.read_bytes()
    assert both.startswith(first)
    assert len(x509.load_pem_x509_certificates(both)) == 2
    assert files.next_ca_key.stat().st_mode & 0o777 == 0o600
    succeed(folder, now=early)
    assert files.ca.read_bytes() == both
    issue(folder, NAMES, now=early)
    assert look_at_pair(files.server, files.server_key, ca_file=with_content(tmp_path, first), now=early).fault is None
    assert signs_now(folder)

    late = NOW + timedelta(days=3650) - HANDOVER_AHEAD + timedelta(days=1)
    succeed(folder, now=late)
    assert not files.next_ca_key.exists()
    assert files.ca.read_bytes() == both
    assert not signs_now(folder)
    issue(folder, NAMES, now=late)
    assert signs_now(folder)
    assert look_at_pair(files.server, files.server_key, ca_file=with_content(tmp_path, both), now=late).fault is None
    stranger = look_at_pair(files.server, files.server_key, ca_file=with_content(tmp_path, first), now=late)
    assert stranger.fault is Fault.UNTRUSTED
    assert verified(files, "-attime", str(int(late.timestamp())), "-verify_hostname", "broker.example.org")

    succeed(folder, now=NOW + timedelta(days=3651))
    (only,) = x509.load_pem_x509_certificates(files.ca.read_bytes())
    assert only.public_bytes(Encoding.PEM) == both.removeprefix(first)


def test_a_successor_whose_certificate_was_not_written_is_drawn_anew(tmp_path: Path) -> None:
    files, _ = issue(tmp_path / "certs", NAMES, now=NOW)
    alone = files.ca.read_bytes()
    soon = NOW + timedelta(days=3650 - 400)
    succeed(files.ca.parent, now=soon)
    torn = files.next_ca_key.read_bytes()
    files.ca.write_bytes(alone)
    succeed(files.ca.parent, now=soon)
    assert files.next_ca_key.read_bytes() != torn
    assert len(x509.load_pem_x509_certificates(files.ca.read_bytes())) == 2
    succeed(files.ca.parent, now=soon + timedelta(days=300))
    issue(files.ca.parent, NAMES, now=soon + timedelta(days=300))
    assert signs_now(files.ca.parent)


def test_a_successor_s_key_that_is_damaged_is_said(tmp_path: Path) -> None:
    files, _ = issue(tmp_path / "certs", NAMES, now=NOW)
    files.next_ca_key.write_text("rubbish")
    with pytest.raises(CertificateError, match=r"ca-next\.key is damaged"):
        succeed(files.ca.parent, now=NOW)


def with_content(folder: Path, content: bytes) -> Path:
    file = folder / "handed-out.crt"
    file.write_bytes(content)
    return file


async def test_a_broker_with_it_is_trusted_under_its_name_and_no_other(tmp_path: Path, files: Files) -> None:
    broker, port = Broker(tmp_path, []), free_port()
    pair = f"certfile {files.server}\nkeyfile {files.server_key}\n"
    broker.more_listeners = f"listener {port} 127.0.0.1\n{pair}"
    await broker.prepare()
    await broker.start()
    try:
        await connect("127.0.0.1", port, files.ca)
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            await connect("localhost", port, files.ca)
        with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
            await connect("127.0.0.1", port, issue(tmp_path / "other", NAMES)[0].ca)
    finally:
        await broker.stop()


async def connect(host: str, port: int, ca_file: Path) -> None:
    """As the backend does, and leave again."""
    settings = settings_from_url(f"mqtts://{':'.join(BACKEND)}@{host}:{port}", ca_file=ca_file)
    async with opened(Link(settings, 0, on_messages=discard, clock_ms=lambda: 0), settings):
        pass
