"""A private certificate authority, its successor in time, and the broker's certificate signed by it."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sunsweep.machine.whole_file import SECRET, write_whole

CA_DAYS: Final = 3650
SERVER_DAYS: Final = 365
SUCCESSOR_AHEAD: Final = timedelta(days=3 * 365)
"""Machines that enrol from then on trust the next authority too, and so do those that are given `ca.crt` anew."""
HANDOVER_AHEAD: Final = timedelta(days=180)
"""From then on the next authority signs: a machine that knows only the old one does not come in any more."""
_NAME: Final = "Sunsweep private CA"
_BEFORE: Final = timedelta(hours=1)
"""A machine's clock may be a little behind."""


class CertificateError(Exception):
    """The folder or a name is not what it should be; the message says what to do."""


class Files(NamedTuple):
    """Where they are; the certificates are public, the keys are not."""

    ca: Path
    """What machines are told to trust: the authority, and its successor once there is one."""
    ca_key: Path
    server: Path
    server_key: Path
    next_ca_key: Path
    """The successor's, until it takes over."""


def files_in(folder: Path) -> Files:
    return Files(*(folder / name for name in ("ca.crt", "ca.key", "server.crt", "server.key", "ca-next.key")))


def issue(folder: Path, hosts: list[str], *, now: datetime | None = None) -> tuple[Files, bool]:
    """Make what is missing; the server's certificate is renewed each time, the authority never.

    Says whether the authority is new. Raises `CertificateError`.
    """
    now = now or datetime.now(UTC)
    names = [_general_name(host) for host in hosts]
    files = files_in(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = not files.ca.exists() and not files.ca_key.exists()
    if fresh:
        _write_authorities(files.ca, [_make_authority(files.ca_key, _NAME, now)])
    known = _load_authorities(files)
    _require_ours(files, known)
    _make_server(files, known, names, now)
    return files, fresh


def succeed(folder: Path, *, now: datetime | None = None) -> None:
    """See to the authority's end: make the next one in time, have it sign in time, forget the old one at last.

    Does nothing where there is no authority yet. Raises `CertificateError`.
    """
    now = now or datetime.now(UTC)
    files = files_in(folder)
    if not files.ca.exists() and not files.ca_key.exists():
        return
    known = _load_authorities(files)
    following = _following(files, known)
    left = known.signing.not_valid_after_utc - now
    if following is None and timedelta(0) < left < SUCCESSOR_AHEAD:
        # The key first: without a certificate it is nobody's, and drawn anew.
        following = _make_authority(files.next_ca_key, f"{_NAME} {now:%Y}", now)
        _write_authorities(files.ca, [*known.trusted, following])
    elif following is not None and left < HANDOVER_AHEAD:
        files.next_ca_key.replace(files.ca_key)
    living = [one for one in known.trusted if one.not_valid_after_utc > now]
    if 0 < len(living) < len(known.trusted):
        _write_authorities(files.ca, living)


def signs_now(folder: Path) -> bool:
    """Whether the server's certificate there is of the authority that signs now. Raises `CertificateError`."""
    files = files_in(folder)
    try:
        return _signed_by(files, _load_authorities(files).signing)
    except OSError:
        return False


def _general_name(host: str) -> x509.GeneralName:
    """An address or a DNS name, as a client compares it."""
    address = _address(host)
    if address is not None:
        return x509.IPAddress(address)
    labels = host.split(".")
    if not host.isascii() or any(not label or not label.replace("-", "a").isalnum() for label in labels):
        raise CertificateError(f"{host!r} is neither a host name nor an address")
    return x509.DNSName(host)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class _Authorities(NamedTuple):
    signing: x509.Certificate
    key: EllipticCurvePrivateKey
    trusted: list[x509.Certificate]


def _make_authority(key_file: Path, called: str, now: datetime) -> x509.Certificate:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    builder = (
        _builder(name, name, key, until=now + timedelta(days=CA_DAYS), now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    _write_key(key_file, key)
    return builder.sign(key, SHA256())


def _write_authorities(file: Path, authorities: list[x509.Certificate]) -> None:
    write_whole(file, b"".join(one.public_bytes(Encoding.PEM) for one in authorities))


def _load_authorities(files: Files) -> _Authorities:
    try:
        trusted = x509.load_pem_x509_certificates(files.ca.read_bytes())
        key = load_pem_private_key(files.ca_key.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise CertificateError(
            f"{error.filename} is missing; put it back, or put the other one aside for a new authority,"
            " which every machine must then be told of"
        ) from error
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{files.ca} or {files.ca_key} is damaged: {error}") from error
    signing = next((one for one in trusted if one.public_key() == key.public_key()), None)
    if signing is None or not isinstance(key, EllipticCurvePrivateKey):
        raise CertificateError(f"{files.ca_key} is not the key of {files.ca}")
    return _Authorities(signing, key, trusted)


def _following(files: Files, known: _Authorities) -> x509.Certificate | None:
    """The authority that is to take over, where there is one already."""
    try:
        key = load_pem_private_key(files.next_ca_key.read_bytes(), password=None)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{files.next_ca_key} is damaged: {error}") from error
    return next((one for one in known.trusted if one.public_key() == key.public_key()), None)


def _require_ours(files: Files, known: _Authorities) -> None:
    """A certificate that somebody else has signed is not replaced."""
    if files.server.exists() and not any(_signed_by(files, one) for one in known.trusted):
        raise CertificateError(f"{files.server} is not of this authority; choose another folder with --data")


def _signed_by(files: Files, authority: x509.Certificate) -> bool:
    try:
        x509.load_pem_x509_certificate(files.server.read_bytes()).verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _make_server(files: Files, known: _Authorities, names: list[x509.GeneralName], now: datetime) -> None:
    ca, ca_key = known.signing, known.key
    until = min(now + timedelta(days=SERVER_DAYS), ca.not_valid_after_utc)
    if until <= now:
        raise CertificateError(f"{files.ca} has ended; put it and {files.ca_key.name} aside for a new one")
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sunsweep broker")])
    builder = (
        _builder(subject, ca.subject, key, until=until, now=now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    _write_key(files.server_key, key)
    write_whole(files.server, builder.sign(ca_key, SHA256()).public_bytes(Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, *, until: datetime, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(until)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(file: Path, key: EllipticCurvePrivateKey) -> None:
    write_whole(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=SECRET)
