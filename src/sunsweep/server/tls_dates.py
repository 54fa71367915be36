"""What a certificate says of itself, and whether a machine would take it: from a broker that answers, or from files."""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from itertools import zip_longest
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

LATE: Final = 1 / 4
"""Renewals come with a third of the life left, here and at Caddy: with less than this they do not come."""
AUTHORITY_LATE: Final = timedelta(days=365)
"""A new authority must have reached every machine before the old one ends."""
_DAY: Final = timedelta(days=1)
_SERVER: Final = "and should have been renewed by now"
_AUTHORITY: Final = "and every machine must know its successor before"


class Fault(StrEnum):
    """Why a certificate is no good."""

    AWAY = "away"
    NO_TLS = "no_tls"
    UNTRUSTED = "untrusted"
    OTHER_NAME = "other_name"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    UNREADABLE = "unreadable"
    OTHER_KEY = "other_key"


# Of OpenSSL's x509_vfy.h; whatever else it finds, the certificate is not trusted.
_FAULTS: Final = {9: Fault.NOT_YET, 10: Fault.EXPIRED, 62: Fault.OTHER_NAME, 64: Fault.OTHER_NAME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Names and dates, in UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    serial: int
    not_before: datetime
    not_after: datetime

    def days_left(self, now: datetime) -> float:
        """Below zero once it is over."""
        return (self.not_after - now) / _DAY

    def covers(self, host: str) -> bool:
        """As a client compares: an address whole, a name also by a `*` for its first label."""
        host = host.lower()
        with suppress(ValueError):
            return str(ip_address(host)) in self.names
        return host in self.names or "*." + host.partition(".")[2] in self.names


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`words`: one line for an operator, in any case. `due`: good, but its renewal is late."""

    words: str
    certificate: Certificate | None = None
    """None where none could be read."""
    fault: Fault | None = None
    due: bool = False


async def look_at_server(
    host: str,
    port: int,
    *,
    ca_file: Path | None,
    name: str | None = None,
    now: datetime | None = None,
    timeout_s: float = 5.0,
) -> Finding:
    """Shake hands as a machine does, with the authorities of `ca_file` (None: the system's), for `name` or `host`.

    What the network does is told in the finding, never raised. It may take twice `timeout_s`: what is not trusted is
    read in a second connection.
    """
    name = name or host
    try:
        trusting = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
    except OSError as error:
        return _UnreadableError(ca_file, error).finding
    try:
        shown = await _shown(host, port, trusting, name, timeout_s)
    except ssl.SSLCertVerificationError as error:
        fault = _FAULTS.get(error.verify_code, Fault.UNTRUSTED)
        return await _distrusted(host, port, name, fault, error.verify_message, timeout_s)
    except OSError as error:
        return _no_handshake(error, timeout_s)
    return _judged(shown, now, life_left=_late_for_a_server(shown))


def look_at_pair(
    cert_file: Path,
    key_file: Path | None,
    *,
    hosts: Sequence[str] = (),
    ca_file: Path | None = None,
    now: datetime | None = None,
) -> Finding:
    """A server's files: do they belong together, cover all `hosts`, and come from an authority of `ca_file`? Blocks.

    Without a `key_file` or a `ca_file` that question is not asked.
    """
    try:
        chain = _certificates(cert_file)
        key = None if key_file is None else _key(key_file)
        authorities = None if ca_file is None else _certificates(ca_file)
    except _UnreadableError as error:
        return error.finding
    shown = _read(chain[0])
    if key is not None and key.public_key() != chain[0].public_key():
        return Finding(words=f"{key_file} is not the key of {cert_file}", certificate=shown, fault=Fault.OTHER_KEY)
    if missing := [host for host in hosts if not shown.covers(host)]:
        return _wrong(shown, Fault.OTHER_NAME, ", ".join(missing))
    if authorities is not None and not _leads_to(authorities, chain):
        return _wrong(shown, Fault.UNTRUSTED, f"no authority of {ca_file} has signed it")
    return _judged(shown, now, life_left=_late_for_a_server(shown))


def look_at_authorities(ca_file: Path, *, now: datetime | None = None) -> list[Finding]:
    """Each certificate that `ca_file` tells machines to trust; one finding where it cannot be read. Blocks."""
    try:
        return [_judged(_read(one), now, life_left=AUTHORITY_LATE, late=_AUTHORITY) for one in _certificates(ca_file)]
    except _UnreadableError as error:
        return [error.finding]


async def _shown(host: str, port: int, context: ssl.SSLContext, name: str, timeout_s: float) -> Certificate:
    async with asyncio.timeout(timeout_s):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    raw = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return _read(x509.load_der_x509_certificate(raw))


async def _distrusted(host: str, port: int, name: str, fault: Fault, why: str, timeout_s: float) -> Finding:
    """Read it nevertheless: its dates and names say what went wrong. Nothing is sent over this connection."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        shown = await _shown(host, port, anybody, name, timeout_s)
    except OSError:
        return Finding(words=f"its certificate is no good: {why}", fault=fault)
    return _wrong(shown, fault, name if fault is Fault.OTHER_NAME else why)


def _no_handshake(error: OSError, timeout_s: float) -> Finding:
    match error:
        case ssl.SSLError() | ConnectionResetError():
            said = getattr(error, "reason", None) or "the connection was ended"
            return Finding(words=f"no TLS with what answers there ({said.lower()})", fault=Fault.NO_TLS)
        case TimeoutError():
            return Finding(words=f"no answer within {timeout_s:g} s", fault=Fault.AWAY)
    return Finding(words=f"not reached: {error.strerror or error}", fault=Fault.AWAY)


def _judged(shown: Certificate, now: datetime | None, *, life_left: timedelta, late: str = _SERVER) -> Finding:
    """By its dates, which is all that may still be wrong with it."""
    now = now or datetime.now(UTC)
    if shown.not_after <= now:
        return _wrong(shown, Fault.EXPIRED, "")
    if shown.not_before > now:
        return _wrong(shown, Fault.NOT_YET, "")
    due = shown.not_after - now < life_left
    until = f"{shown.not_after:%Y-%m-%d} ({shown.days_left(now):.0f} days)"
    words = f"ends on {until}, {late}" if due else f"good until {until}"
    told = f" for {', '.join(shown.names)}" if shown.names else f", {shown.subject}"
    return Finding(words=words + told, certificate=shown, due=due)


def _wrong(shown: Certificate, fault: Fault, more: str) -> Finding:
    match fault:
        case Fault.EXPIRED:
            words = f"it expired on {shown.not_after:%Y-%m-%d}"
        case Fault.NOT_YET:
            words = f"it is not valid before {shown.not_before:%Y-%m-%d %H:%M} UTC: is this computer's clock right?"
        case Fault.OTHER_NAME:
            words = f"it is not for {more}, but for {', '.join(shown.names) or 'nobody'}"
        case _:
            words = f"it is not trusted: {more}; signed by {shown.issuer}"
    return Finding(words=words, certificate=shown, fault=fault)


class _UnreadableError(Exception):
    """A file holds no certificates or no key."""

    def __init__(self, file: Path | None, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
        words = f"{file}: {why or 'holds nothing of use in PEM form'}"
        super().__init__(words)
        self.finding = Finding(words=words, fault=Fault.UNREADABLE)


def _certificates(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise _UnreadableError(file, error) from error


def _key(file: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _UnreadableError(file, error) from error


def _late_for_a_server(shown: Certificate) -> timedelta:
    return (shown.not_after - shown.not_before) * LATE


def _leads_to(authorities: Iterable[x509.Certificate], chain: Sequence[x509.Certificate]) -> bool:
    """From the first certificate over those that follow it in its file."""
    for one, above in zip_longest(chain, chain[1:]):
        if any(_signed(one, by) for by in authorities):
            return True
        if above is None or not _signed(one, above):
            return False
    return False


def _signed(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _read(certificate: x509.Certificate) -> Certificate:
    return Certificate(
        subject=_called(certificate.subject),
        issuer=_called(certificate.issuer),
        names=_names(certificate),
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    dns = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    return (*dns, *map(str, names.get_values_for_type(x509.IPAddress)))


def _called(name: x509.Name) -> str:
    """By its common name, where it has one."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()
