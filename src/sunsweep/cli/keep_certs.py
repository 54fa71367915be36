"""The broker's certificate, kept good: made or fetched, renewed in time, laid where the broker reads it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sunsweep.cli.certificates import (
    CertificateError,
    files_in,
    issue,
    signs_now,
    succeed,
)
from sunsweep.machine.whole_file import PUBLIC, SECRET, write_whole
from sunsweep.server import metrics
from sunsweep.server.tls_dates import Certificate, Fault, Finding, look_at_authorities, look_at_pair, look_at_server

log = logging.getLogger(__name__)

FOLDER: Final = 0o755
EVERY_S: Final = 3600.0
AGAIN_S: Final = 60.0
"""After a failure: whoever writes a certificate and its key may have been between the two."""
RENEW_AT: Final = 1 / 3
"""Of its life; a quarter is late (`tls_dates.LATE`)."""
SHOWN_WITHIN_S: Final = 300.0
"""EMQX looks at its files every two minutes: that of Erlang's `ssl_pem_cache_clean`."""
_LOOK_S: Final = 15.0

Sleep = Callable[[float], Awaitable[None]]


class Held(NamedTuple):
    """What a broker needs, in PEM form."""

    ca: bytes
    key: bytes
    certificate: bytes


class Source(Protocol):
    """Where the certificate comes from."""

    def held(self, now: datetime) -> Held:
        """Renewed if it is time; blocks. Raises `CertificateError` where there is none that is any good."""
        ...


@dataclass(frozen=True, slots=True)
class OwnAuthority:
    """A private authority in a folder that is nobody else's."""

    folder: Path
    hosts: list[str]

    def held(self, now: datetime) -> Held:
        """Renewed with a third of its life left, for other hosts, and when another authority signs."""
        succeed(self.folder, now=now)
        files = files_in(self.folder)
        if not files.ca.exists() or not signs_now(self.folder) or self._is_due(now):
            issue(self.folder, self.hosts, now=now)
        return Held(files.ca.read_bytes(), files.server_key.read_bytes(), files.server.read_bytes())

    def _is_due(self, now: datetime) -> bool:
        files = files_in(self.folder)
        found = look_at_pair(files.server, files.server_key, hosts=self.hosts, now=now)
        if found.fault is not None or found.certificate is None:
            return True
        return found.certificate.not_after - now < _life(found.certificate) * RENEW_AT


@dataclass(frozen=True, slots=True)
class FromFiles:
    """Somebody else's work, such as Caddy's."""

    certificate: Path
    key: Path
    hosts: list[str]

    def held(self, now: datetime) -> Held:
        """What lies there now. EMQX wants a file of authorities too: those that signed this one."""
        found = look_at_pair(self.certificate, self.key, hosts=self.hosts, now=now)
        if found.fault is not None:
            about = "" if found.fault in {Fault.UNREADABLE, Fault.OTHER_KEY} else f"{self.certificate}: "
            raise CertificateError(f"{about}{found.words}")
        content, key = self.certificate.read_bytes(), self.key.read_bytes()
        if look_at_pair(self.certificate, self.key, hosts=self.hosts, now=now) != found:
            raise CertificateError(f"{self.certificate}: somebody is writing it just now")
        first, *above = x509.load_pem_x509_certificates(content)
        ca = b"".join(one.public_bytes(Encoding.PEM) for one in above or [first])
        return Held(ca, key, content)


def lay_out(held: Held, folder: Path) -> None:
    """The files as a broker reads them, whose user must be this process's; what is the same stays. Blocks."""
    if not folder.exists():
        folder.mkdir(parents=True)
        # Whatever the umask: the backend, another user, hands `ca.crt` out.
        folder.chmod(FOLDER)
    files = files_in(folder)
    wanted = (
        (files.ca, held.ca, PUBLIC),
        (files.server_key, held.key, SECRET),
        (files.server, held.certificate, PUBLIC),
    )
    # Key and certificate one right after the other: a handshake between the two would meet a key that does not fit.
    for file, content, mode in wanted:
        if _content(file) != content:
            write_whole(file, content, mode=mode)


class Place(NamedTuple):
    """Where the certificate is to be seen, and under which name."""

    host: str
    port: int
    name: str


async def keep(
    source: Source,
    out: Path,
    *,
    broker: Place | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Until cancelled: what fails is said once, tried again in a minute, and what is there stays."""
    said = ""
    while True:
        try:
            laid = await asyncio.to_thread(look, source, out, clock())
        except (CertificateError, OSError) as error:
            level = logging.DEBUG if str(error) == said else logging.WARNING
            log.log(level, "the certificate stays as it is: %s", error)
            said = str(error)
            metrics.CERTIFICATE_STUCK.set(1)
            await sleep(AGAIN_S)
            continue
        said = ""
        metrics.CERTIFICATE_STUCK.set(0)
        if laid.change is not Change.NONE:
            log.info("%s: %s", files_in(out).server, laid.found.words)
        if laid.change is Change.RENEWED and broker is not None:
            await see(broker, laid.found, out, sleep=sleep)
        await sleep(EVERY_S)


class Change(StrEnum):
    """What became of the certificate in the broker's folder."""

    NONE = "none"
    FIRST = "first"
    RENEWED = "renewed"


class Laid(NamedTuple):
    """The certificate in the broker's folder, and what became of it."""

    found: Finding
    change: Change


def look(source: Source, out: Path, now: datetime) -> Laid:
    """See to it once. Blocks; raises `CertificateError`."""
    files = files_in(out)
    before = _content(files.server)
    lay_out(source.held(now), out)
    found = look_at_pair(files.server, files.server_key, now=now)
    _measure("server", [found])
    _measure("authority", look_at_authorities(files.ca, now=now))
    if before is None:
        return Laid(found, Change.FIRST)
    return Laid(found, Change.NONE if before == _content(files.server) else Change.RENEWED)


async def see(broker: Place, wanted: Finding, out: Path, *, sleep: Sleep = asyncio.sleep) -> bool:
    """Wait until the broker shows the certificate that it was given; say so where it does not."""
    waited_s = 0.0
    while True:
        met = await look_at_server(broker.host, broker.port, ca_file=files_in(out).ca, name=broker.name)
        if met.certificate is not None and met.certificate == wanted.certificate:
            log.info("%s:%d shows it", broker.host, broker.port)
            return True
        if waited_s >= SHOWN_WITHIN_S:
            log.warning(
                "%s:%d does not show it after %d s (%s); `emqx ctl pem_cache clean all` has EMQX read its files anew",
                broker.host,
                broker.port,
                waited_s,
                met.words,
            )
            return False
        await sleep(_LOOK_S)
        waited_s += _LOOK_S


def _measure(of: str, found: Iterable[Finding]) -> None:
    ends = [one.certificate.not_after.timestamp() for one in found if one.certificate is not None]
    metrics.CERTIFICATE_ENDS.labels(of).set(min(ends))


def _life(certificate: Certificate) -> timedelta:
    return certificate.not_after - certificate.not_before


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
