"""A private certificate authority for trials, and the broker's certificate signed by it."""

import os
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

CA_DAYS: Final = 3650
SERVER_DAYS: Final = 365
_BEFORE: Final = timedelta(hours=1)
"""A machine's clock may be a little behind."""


class CertificateError(Exception):
    """The folder or a name is not what it should be; the message says what to do."""


class Files(NamedTuple):
    """Where they are; the certificates are public, the keys are not."""

    ca: Path
    ca_key: Path
    server: Path
    server_key: Path


def files_in(folder: Path) -> Files:
    return Files(*(folder / name for name in ("ca.crt", "ca.key", "server.crt", "server.key")))


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
        _make_ca(files, now)
    ca, key = _load_ca(files)
    _require_ours(files, ca)
    _make_server(files, ca, key, names, now)
    return files, fresh


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


def _make_ca(files: Files, now: datetime) -> None:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sunsweep private CA")])
    builder = (
        _builder(name, name, key, until=now + timedelta(days=CA_DAYS), now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    _write_key(files.ca_key, key)
    _write(files.ca, builder.sign(key, SHA256()).public_bytes(Encoding.PEM), 0o644)


def _load_ca(files: Files) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(files.ca.read_bytes())
        key = load_pem_private_key(files.ca_key.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise CertificateError(
            f"{error.filename} is missing; put it back, or put the other one aside for a new authority,"
            " which every machine must then be told of"
        ) from error
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{files.ca} or {files.ca_key} is damaged: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise CertificateError(f"{files.ca_key} is not the key of {files.ca}")
    return certificate, key


def _require_ours(files: Files, ca: x509.Certificate) -> None:
    """A certificate that somebody else has signed is not replaced."""
    if not files.server.exists():
        return
    try:
        x509.load_pem_x509_certificate(files.server.read_bytes()).verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateError(f"{files.server} is not of this authority; choose another folder with --data") from error


def _make_server(
    files: Files,
    ca: x509.Certificate,
    ca_key: EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    now: datetime,
) -> None:
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
    _write(files.server, builder.sign(ca_key, SHA256()).public_bytes(Encoding.PEM), 0o644)


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
    _write(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def _write(file: Path, content: bytes, mode: int) -> None:
    """Whole or not at all; a key is never, not for a moment, anybody else's to read."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as handle:
        handle.write(content)
    fresh.chmod(mode)
    fresh.replace(file)
