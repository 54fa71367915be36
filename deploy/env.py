#!/usr/bin/env python3
"""Writes `.env` for docker compose and lays its secrets as files: `make env DOMAIN=sun.example.org`.

A server has Python and nothing else, so this is the standard library alone, from Python 3.10 on. Compose can hand a
variable as a file only to containers whose root may be written; these are files already, so every root stays read-only.
"""

import argparse
import os
import re
import secrets
import string
import sys
from ipaddress import AddressValueError, IPv4Address, ip_address
from pathlib import Path
from typing import Final
from urllib.parse import quote

ROOT: Final = Path(__file__).resolve().parents[1]
LENGTH: Final = 40
"""Characters of a drawn secret: 238 random bits."""
SHORTEST: Final = {
    "MQTT_PASSWORD": 12,
    "MQTT_COOKIE": 12,
    "MQTT_DATABASE_PASSWORD": 12,
    "MQTT_BACKEND_PASSWORD": 16,
    "EMQX_API_SECRET": 12,
    "MYSQL_ROOT_PASSWORD": 12,
    "MYSQL_BACKEND_PASSWORD": 12,
    "WEB_SECRET_KEY": 32,
    "GRAFANA_PASSWORD": 12,
    "GRAFANA_SECRET_KEY": 32,
}
"""The secrets that are drawn, and how short one of your own may be."""
OPTIONAL: Final = ("SMTP_URL",)
MOUNTED: Final = ("caddy", "emqx", "monitoring", "mysql")
"""Folders here of which compose.yaml mounts files."""
_SAFE: Final = re.compile(r"[A-Za-z0-9_.~-]+")
_LINE: Final = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)(?!\d+$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_EMAIL: Final = re.compile(r"[^\s@\"']+@[^\s@\"']+")


class EnvError(Exception):
    """What is asked for cannot be done; the message says what to do."""


def write_env(root: Path, told: dict[str, str]) -> list[str]:
    """Make `.env` in `root` of `.env.example`, or add to it what is missing; lay the secrets under deploy/secrets.

    What `.env` says already stays, except for the version. Returns a line for each thing done. Raises `EnvError`.
    """
    file = root / ".env"
    lines = (file if file.exists() else root / ".env.example").read_text().splitlines()
    if not file.exists() and not told.get("DOMAIN"):
        raise EnvError("say what people and machines will call this server: make env DOMAIN=sun.example.org")
    if not file.exists() and (root / "deploy" / "secrets" / "mysql_root_password").exists():
        raise EnvError(
            "deploy/secrets holds what the database was made with, and .env is gone: new secrets would lock it. "
            "Put .env back from your copy; or remove deploy/secrets, if no volume of it exists any more"
        )
    known = values(lines)
    for name, value in told.items():
        if value and file.exists() and known.get(name) not in ("", None, value):
            raise EnvError(f"{name} is {known[name]} in .env already; change it there")
    lines = _added(lines, known, (root / ".env.example").read_text().splitlines())
    wanted = _wanted(values(lines), told, _version(root))
    lines = [_filled(line, wanted) for line in lines]
    done = values(lines)
    _check(done)
    fresh = not file.exists()
    _write(file, "\n".join(lines) + "\n", 0o600)
    _lay(root / "deploy" / "secrets", done)
    _open(root / "deploy")
    says = [f"{file.name} is {'written' if fresh else 'kept'}, for {done['DOMAIN']}"]
    says += [f"  {name} is new in it" for name in done if not fresh and known.get(name) != done[name]]
    called = re.compile(rf"\s*\w+://{re.escape(done['DOMAIN'])}([:/].*)?", re.IGNORECASE)
    if not all(called.fullmatch(url) for url in done["MQTT_PUBLIC_URLS"].split(",")):
        says.append(
            f"  beware: MQTT_PUBLIC_URLS={done['MQTT_PUBLIC_URLS']} sends machines elsewhere than to {done['DOMAIN']}, "
            "and the broker's certificate has no other name (docs/production.md, Another domain)"
        )
    return [*says, "deploy/secrets holds its secrets, for the containers", "next: docker compose up -d"]


def values(lines: list[str]) -> dict[str, str]:
    """What the lines of an env file say."""
    found = (_LINE.fullmatch(line.strip()) for line in lines)
    return {match["name"]: _unquoted(match["value"]) for match in found if match}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value.strip()


def _added(lines: list[str], known: dict[str, str], template: list[str]) -> list[str]:
    """The lines, and those of the template whose names they do not have."""
    missing = [line for line in template if (match := _LINE.fullmatch(line)) and match["name"] not in known]
    return [*lines, *missing]


def _wanted(known: dict[str, str], told: dict[str, str], version: str) -> dict[str, str]:
    """Of every name that is empty, what it is to be; of the version always."""
    domain = known["DOMAIN"] or told.get("DOMAIN", "")
    email = known["EMAIL"] or told.get("EMAIL", "")
    urls = [f"mqtts://{domain}:8883"]
    if "0.0.0.0" in (told.get("MQTT_WSS_ADDRESS"), known["MQTT_WSS_ADDRESS"]):  # noqa: S104  chosen by who says so
        urls.append(f"wss://{domain}:8084/mqtt")
    place = "localhost" if _is_address(domain) or "." not in domain else domain
    drawn = {name: _draw() for name in SHORTEST}
    filled = {
        **drawn,
        "DOMAIN": domain,
        "EMAIL": email,
        "FIRST_ADMIN": email or f"admin@{place}",
        "MQTT_PUBLIC_URLS": ",".join(urls),
        "MAIL_FROM": f"sunsweep@{place}",
    }
    wanted = {name: value for name, value in filled.items() if not known[name]}
    given = {name: value for name, value in told.items() if value and name.endswith("_ADDRESS")}
    return {**wanted, **given, "SUNSWEEP_VERSION": version}


def _filled(line: str, wanted: dict[str, str]) -> str:
    match = _LINE.fullmatch(line.strip())
    return f"{match['name']}={wanted[match['name']]}" if match and match["name"] in wanted else line


def _draw() -> str:
    """A letter first: so the broker wants its cookie."""
    letters, signs = string.ascii_letters, string.ascii_letters + string.digits
    return secrets.choice(letters) + "".join(secrets.choice(signs) for _ in range(LENGTH - 1))


def _version(root: Path) -> str:
    match = re.search(r'^version = "([^"]+)"$', (root / "pyproject.toml").read_text(), re.MULTILINE)
    if match is None:
        raise EnvError("pyproject.toml names no version")
    return match[1]


def _check(known: dict[str, str]) -> None:
    """Raises `EnvError`. What a container would refuse later is refused here."""
    if not _HOST.fullmatch(known["DOMAIN"]) and not _is_address(known["DOMAIN"]):
        raise EnvError(f"DOMAIN={known['DOMAIN']}: a name such as sun.example.org, or an IPv4 address")
    for name in ("EMAIL", "FIRST_ADMIN"):
        if known[name] and not _EMAIL.fullmatch(known[name]):
            raise EnvError(f"{name}={known[name]} is no e-mail address")
    for name in ("MQTT_PRIVATE_ADDRESS", "MQTT_WSS_ADDRESS"):
        try:
            ip_address(known[name])
        except ValueError:
            raise EnvError(f"{name}={known[name]} is no address of a network") from None
    for name, shortest in SHORTEST.items():
        if len(known[name]) < shortest or not _SAFE.fullmatch(known[name]):
            raise EnvError(f"{name} in .env has at least {shortest} letters, digits and _ . ~ -")
    if not known["MQTT_COOKIE"][0].isalpha():
        raise EnvError("MQTT_COOKIE in .env begins with a letter")


def _is_address(domain: str) -> bool:
    try:
        IPv4Address(domain)
    except AddressValueError:
        return False
    return True


def _lay(folder: Path, known: dict[str, str]) -> None:
    """A file for each secret. Containers read them under numbers of their own, so the folder alone keeps others out."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    files = {name.lower(): known[name] for name in (*SHORTEST, *OPTIONAL)}
    backend, root = (quote(known[name], safe="") for name in ("MYSQL_BACKEND_PASSWORD", "MYSQL_ROOT_PASSWORD"))
    files["database_url"] = f"mysql://sunsweep:{backend}@mysql/sunsweep"
    files["admin_database_url"] = f"mysql://root:{root}@mysql"
    for name, value in files.items():
        _write(folder / name, value, 0o444)


def _open(deploy: Path) -> None:
    """What containers read under numbers of their own is readable, whatever the umask was when it was fetched."""
    for name in MOUNTED:
        for place in ((deploy / name), *(deploy / name).rglob("*")):
            if place.exists():
                mode = place.stat().st_mode & 0o777
                place.chmod(mode | (0o055 if place.is_dir() or mode & 0o100 else 0o044))


def _write(file: Path, content: str, mode: int) -> None:
    """Whole or not at all, and never, not for a moment, readable for more than `mode`."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as handle:
        handle.write(content)
    fresh.chmod(mode)
    fresh.replace(file)


def main(words: list[str]) -> int:
    """Exit code 0, or 1 with a line on stderr."""
    parser = argparse.ArgumentParser(description="Write .env for docker compose, with secrets drawn at random.")
    parser.add_argument("--domain", default="", help="what people and machines call: a name, or an IPv4 address")
    parser.add_argument("--email", default="", help="for the certificate authority, and the first admin's login")
    parser.add_argument("--private", default="", help="address for the ports that are not for the world; 127.0.0.1")
    parser.add_argument("--wss", default="", choices=["", "yes"], help="yes: open 8084 to the world")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    told = {"DOMAIN": options.domain.lower(), "EMAIL": options.email, "MQTT_PRIVATE_ADDRESS": options.private}
    if options.wss:
        told["MQTT_WSS_ADDRESS"] = "0.0.0.0"  # noqa: S104  it was asked for
    try:
        says = write_env(options.root, told)
    except (EnvError, OSError) as error:
        sys.stderr.write(f"make env: {error}\n")
        return 1
    sys.stdout.write("\n".join(says) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
