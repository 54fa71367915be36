"""Settings that work, and are weaker than they should be."""

from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.threads import in_daemon_thread
from sunsweep.server.settings import BACKEND_FILE, BackendSettings, ServeSettings

_SHORT: Final = 12
_FEW_SIGNS: Final = 10
"""Different characters: 32 drawn ones have more."""
_PLACEHOLDERS: Final = ("changeme", "change-me", "change_me", "secret", "password", "example", "only-for-tests")
_OTHERS: Final = 0o077


async def _look(around: Surroundings) -> list[Finding]:
    findings = [*_backend(around.settings)]
    if around.serving is not None:
        findings += _serving(around.serving)
    else:
        words = f"`sunsweep serve` would not start with these settings: {around.serving_fault}"
        findings.append(warning(words, "set it where `serve` runs, and run the doctor there"))
    for file in (Path(".env"), around.folder / BACKEND_FILE if around.folder else None):
        if file is not None:
            findings += await in_daemon_thread(partial(_open_file, file))
    return findings or [ok("nothing is weaker than it should be")]


def _backend(settings: BackendSettings) -> Iterator[Finding]:
    password = settings.mqtt_password.get_secret_value()
    if len(password) < _SHORT:
        words = f"SUNSWEEP_MQTT_PASSWORD has {len(password)} characters: guessing goes fast at a broker"
        yield fails(words, f"`sunsweep account set {settings.mqtt_username}` draws one")
    broker = urlsplit(settings.mqtt_url)
    if broker.scheme == "mqtt" and not _private(broker.hostname or ""):
        words = (
            "SUNSWEEP_MQTT_URL leads over a public network without TLS: whoever listens reads the backend's password"
        )
        yield fails(words, "mqtts://, or an address of a private network")
    if (url := settings.emqx_url) and url.startswith("http:") and not _private(urlsplit(url).hostname or ""):
        yield fails("SUNSWEEP_EMQX_URL leads over a public network without TLS", "https://, or a private network")
    database = make_url(settings.database_url)
    if database.get_backend_name() != "sqlite" and len(str(database.password or "")) < _SHORT:
        yield warning("the database's password is short", f"{_SHORT} drawn characters or more")


def _serving(settings: ServeSettings) -> Iterator[Finding]:
    key = settings.secret_key.get_secret_value()
    if len(set(key)) < _FEW_SIGNS or any(word in key.lower() for word in _PLACEHOLDERS):
        words = "SUNSWEEP_SECRET_KEY can be guessed: whoever has it is anybody"
        yield fails(words, "draw one: `openssl rand -base64 48`; everybody logs in anew")
    url = urlsplit(settings.public_url or "")
    if url.scheme == "https" and not (settings.cookie_secure or settings.trusted_proxies):
        words = "people come in by https, and the login's cookie would go without it too"
        yield warning(words, "SUNSWEEP_COOKIE_SECURE=true")
    if url.scheme == "http" and not _private(url.hostname or ""):
        yield fails("SUNSWEEP_PUBLIC_URL is http: passwords go through the network as they are", "https, by a proxy")
    if settings.public_url is None and not _private(settings.host):
        words = f"`serve` listens on {settings.host}, and SUNSWEEP_PUBLIC_URL is not set"
        yield warning(words, "the https address that people use, for links in mails")
    for origin in settings.cors_origins:
        if origin.startswith("http:") and not _private(urlsplit(origin).hostname or ""):
            words = f"SUNSWEEP_CORS_ORIGINS lets pages of {origin} call, which anybody on the way can change"
            yield warning(words, "https origins only")
    for network in settings.trusted_proxies:
        if network.endswith("/0"):
            words = f"SUNSWEEP_TRUSTED_PROXIES is {network}: anybody may say to be anywhere"
            yield fails(words, "the proxy's own address")


def _open_file(file: Path) -> list[Finding]:
    """Secrets are its owner's alone."""
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return []
    if not mode & _OTHERS:
        return []
    return [fails(f"{file} holds secrets and is not its owner's alone", f"chmod 600 {file}")]


def _private(host: str) -> bool:
    """A name without a dot is of this computer or of a private network, as containers call each other."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".internal", ".local", ".svc", ".cluster.local"))
    return address.is_private and not address.is_unspecified


SETTINGS: Final = Check("settings", "No secret can be guessed or read by others; nothing public is without TLS", _look)
