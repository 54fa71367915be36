"""Certificates, as machines and browsers meet them, and the authority that machines are told to trust."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sunsweep.server import tls_dates
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.threads import in_daemon_thread
from sunsweep.server.tls_dates import Fault

_PORTS: Final = {"mqtts": 8883, "wss": 443, "https": 443}
_RENEW: Final = "see whether `sunsweep keep-certs` runs, or what else renews it, and its log"
_SUCCEED: Final = "give every machine the next authority beside this one (docs/certificates.md)"
_REMEDIES: Final = {
    Fault.AWAY: "see whether it runs, whether the port is open, and whether it can be reached from here",
    Fault.NO_TLS: "see which certificate it was given",
    Fault.UNTRUSTED: "give it a certificate of the authority in SUNSWEEP_MQTT_CA_FILE, or machines that authority",
    Fault.OTHER_NAME: "make the certificate for this name too: --host of `sunsweep keep-certs`",
}


class _Place(NamedTuple):
    """Where TLS is spoken, and whom it is to convince; None: the system's authorities."""

    url: str
    host: str
    port: int
    ca_file: Path | None
    public: bool
    """By a name that is made for others, and may not lead anywhere from within its own network."""


async def _look(around: Surroundings) -> list[Finding]:
    now = datetime.fromtimestamp(around.now_ms() / 1000, UTC)
    findings = []
    for place in dict.fromkeys(_places(around)):
        found = await tls_dates.look_at_server(place.host, place.port, ca_file=place.ca_file, now=now)
        if found.fault is Fault.AWAY and place.public:
            findings.append(warning(f"{place.url}: {found.words}, from here", _REMEDIES[Fault.AWAY]))
        else:
            findings.append(_told(place.url, found))
    if (ca_file := around.settings.mqtt_ca_file) is not None:
        authorities = await in_daemon_thread(lambda: tls_dates.look_at_authorities(ca_file, now=now))
        findings += [_told(f"the authority in {ca_file}", found, renew=_SUCCEED) for found in authorities]
    return findings or [ok("no URL that is set here speaks TLS")]


def _places(around: Surroundings) -> Iterator[_Place]:
    urls = [around.settings.mqtt_url, around.settings.emqx_url]
    if around.serving is not None:
        urls += [*around.serving.public_mqtt_urls, around.serving.public_url]
    for url in urls:
        parts = urlsplit(url or "")
        if parts.scheme in _PORTS and parts.hostname:
            ours = parts.scheme in {"mqtts", "wss"} or url == around.settings.emqx_url
            ca_file = around.settings.mqtt_ca_file if ours else None
            public = url not in (around.settings.mqtt_url, around.settings.emqx_url)
            shown = f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
            yield _Place(shown, parts.hostname, parts.port or _PORTS[parts.scheme], ca_file, public)


def _told(what: str, found: tls_dates.Finding, *, renew: str = _RENEW) -> Finding:
    words = f"{what}: {found.words}"
    if found.fault is not None:
        return fails(words, _REMEDIES.get(found.fault, renew))
    return warning(words, renew) if found.due else ok(words)


CERTIFICATES: Final = Check("tls", "Certificates of every mqtts, wss and https URL; the private authority", _look, 60.0)
