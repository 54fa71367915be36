"""The machine's file: TOML in, one frozen value out, or words on what is wrong with it."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert, field
from msgspec.structs import replace

from sunsweep.contract.topics import SERIAL_PATTERN
from sunsweep.machine.certificates import CERTIFICATE_FILES, BadCertificateError, tls_context
from sunsweep.machine.drivers.registry import driver_names
from sunsweep.machine.endpoint import BadUrl, Endpoint, HttpProxy, parse_endpoint, parse_proxy
from sunsweep.machine.interlocks import Interlocks
from sunsweep.machine.link_watch import LinkLost

Interval = Annotated[float, Meta(gt=0, le=86_400)]
_MQTT_NAME = r"^[^+#/$\s][^+#/\s]{0,127}$"


class ConfigError(Exception):
    """The file cannot be used; the message says where and why."""


class MachineConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names are those of the file. `broker` is one URL or several, tried in turn."""

    broker: str | Annotated[list[str], Meta(min_length=1)]
    company_id: Annotated[int, Meta(ge=1)]
    machine_id: Annotated[str, Meta(pattern=rf"^{SERIAL_PATTERN}\Z")]
    mqtt_username: Annotated[str, Meta(pattern=_MQTT_NAME)]
    mqtt_password: str = ""
    mqtt_password_file: str | None = None
    ca_file: str | None = None
    client_cert_file: str | None = None
    client_key_file: str | None = None
    http_proxy: str | None = None
    telemetry_interval_s: Interval = 30.0
    heartbeat_interval_s: Interval = 60.0
    receipts: bool = True
    state_dir: str | None = None
    """Where the outbox is kept, and which URL works; without it, in memory."""
    max_messages: Annotated[int, Meta(ge=2_000, le=2_000_000)] = 100_000
    max_megabytes: Annotated[int, Meta(ge=1, le=4_096)] = 64
    max_age_days: Annotated[int, Meta(ge=1, le=3_650)] = 83
    """A week less than the backend keeps: what is older is given up."""
    trust_clock: bool = False
    """The system's clock is right, although the kernel does not know it (a clock with a battery, a container)."""
    driver: str = "simulated"
    hardware: dict[str, Any] = field(default_factory=dict)
    limits: Interlocks = Interlocks()
    link_lost: LinkLost = LinkLost()

    @property
    def endpoints(self) -> list[Endpoint]:
        """Where to connect to, the preferred one first."""
        urls = [self.broker] if isinstance(self.broker, str) else self.broker
        return [parse_endpoint(url) for url in urls]

    @property
    def proxy(self) -> HttpProxy | None:
        """Through which every connection goes, where there is one."""
        return None if self.http_proxy is None else parse_proxy(self.http_proxy)


def load_config(path: Path) -> MachineConfig:
    """Read and check the file; raises `ConfigError`."""
    try:
        config = convert(tomllib.loads(path.read_text()), MachineConfig)
        return _with_certificates(_with_password(_checked(config), beside=path.parent), beside=path.parent)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    except BadCertificateError as error:
        raise ConfigError(str(error)) from error
    except (ValidationError, ValueError) as error:
        raise ConfigError(f"{path}: {str(error).replace(' - at `$.', ' - at `')}") from error


def _checked(config: MachineConfig) -> MachineConfig:
    try:
        _ = config.endpoints
    except BadUrl as error:
        raise ValueError(f"{error} - at `broker`") from error
    try:
        _ = config.proxy
    except BadUrl as error:
        raise ValueError(f"{error} - at `http_proxy`") from error
    if config.driver not in (drivers := driver_names()):
        raise ValueError(f"there is no driver {config.driver!r}, only {', '.join(drivers)} - at `driver`")
    if not config.mqtt_password and config.mqtt_password_file is None:
        raise ValueError("needs `mqtt_password` or `mqtt_password_file`")
    return config


def _with_password(config: MachineConfig, *, beside: Path) -> MachineConfig:
    if config.mqtt_password_file is None:
        return config
    password = (beside / config.mqtt_password_file).read_text().strip()
    return replace(config, mqtt_password=password)


def _with_certificates(config: MachineConfig, *, beside: Path) -> MachineConfig:
    """The files' paths as they are from everywhere, once they have been read."""
    named = {name: getattr(config, name) for name in CERTIFICATE_FILES}
    config = replace(config, **{name: str(beside / file) for name, file in named.items() if file is not None})
    tls_context(config.ca_file, config.client_cert_file, config.client_key_file)
    return config
