"""What a process is told from outside: `SUNSWEEP_*` variables, `.env`, or the folder of `sunsweep up`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from msgspec import json
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sunsweep.mqtt.settings import settings_from_url
from sunsweep.server.lists import listed, networks, origins
from sunsweep.server.secret_files import SecretFiles

BACKEND_FILE: Final = "backend.json"


class Role(StrEnum):
    """What a backend process does."""

    API = "api"
    LIVE = "live"
    INGEST = "ingest"
    DISPATCH = "dispatch"
    JOBS = "jobs"


def _broker_url(url: str) -> str:
    try:
        settings_from_url(url)
    except ValueError as error:
        raise PydanticCustomError("broker_url", "{words}", {"words": str(error)}) from error
    return url


def _public_urls(given: object) -> object:
    urls = listed(given)
    if isinstance(urls, tuple | list):
        for url in urls:
            parts = urlsplit(str(url))
            if parts.scheme not in {"mqtt", "mqtts", "ws", "wss"} or not parts.hostname:
                raise PydanticCustomError("broker_url", "{url} is no mqtt, mqtts, ws or wss URL", {"url": str(url)})
    return urls


def _has_place(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _web_url(url: str) -> str:
    if not _has_place(url, "http", "https") or "?" in url or "#" in url:
        raise PydanticCustomError("web_url", "it is no http or https URL")
    return url.rstrip("/")


def _smtp_url(url: SecretStr) -> SecretStr:
    if not _has_place(url.get_secret_value(), "smtp", "smtps"):
        raise PydanticCustomError("smtp_url", "it is no smtp or smtps URL")
    return url


def _url(text: str) -> URL:
    try:
        return make_url(text)
    except ArgumentError:
        raise PydanticCustomError("database_url", "the database's URL cannot be read") from None


class BackendSettings(BaseSettings):
    """What every backend process needs."""

    model_config = SettingsConfigDict(
        env_prefix="SUNSWEEP_", env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in the program, then the environment, `.env`, and files named by either."""
        told: dict[str, str | None] = {}
        for source in (dotenv_settings, env_settings):
            if isinstance(source, EnvSettingsSource):
                told.update(source.env_vars)
        files = SecretFiles(settings_cls, told, prefix="SUNSWEEP_", also=("database_url",))
        return init_settings, env_settings, dotenv_settings, files, file_secret_settings

    database_url: str = Field(description="sqlite:///FILE or mysql://USER:PASSWORD@HOST/NAME")
    database_password: SecretStr | None = Field(
        default=None, description="the password of that URL, where it is kept apart; any characters"
    )
    mqtt_url: Annotated[str, AfterValidator(_broker_url)] = Field(
        default="mqtt://127.0.0.1:1883", description="mqtt://HOST:PORT or mqtts://HOST:PORT"
    )
    mqtt_username: str = Field(default="sunsweep-backend", description="the backend's own login at the broker")
    mqtt_password: SecretStr = Field(default=SecretStr(""), description="its password")
    mqtt_ca_file: Path | None = Field(default=None, description="CA certificates for mqtts://")
    emqx_url: Annotated[str, AfterValidator(_web_url)] | None = Field(
        default=None,
        description="EMQX's admin interface, http://HOST:18083: there the sessions of a lost login are ended",
    )
    emqx_key: str = Field(default="", description="API key of that interface")
    emqx_secret: SecretStr = Field(default=SecretStr(""), description="its secret")
    retention_days: int = Field(default=90, ge=1, description="days that raw measurements are kept")
    ingest_adopt_after_s: float = Field(
        default=60,
        gt=0,
        description="seconds until a member of the ingest that nobody holds falls to who has one already",
    )

    dead_letters_per_day: int = Field(
        default=100, ge=0, description="dead letters of a machine and day that are kept with their bytes"
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="port of /metrics and /healthz where no web server runs (ingest, dispatch, jobs); default: none",
    )
    metrics_host: str = Field(default="127.0.0.1", description="address that they listen on")

    @model_validator(mode="after")
    def _with_password(self) -> Self:
        """The database's URL with its password in it: whoever connects needs nothing else."""
        if self.database_password is not None:
            url = _url(self.database_url)
            if url.password is not None:
                raise PydanticCustomError("told_twice", "the database's password is told twice: by its URL and apart")
            url = url.set(password=self.database_password.get_secret_value())
            self.database_url = url.render_as_string(hide_password=False)
        return self

    @classmethod
    def of_folder(cls, folder: Path, **more: Any) -> Self:
        """The settings of a `sunsweep up` folder; raises `FileNotFoundError` where it was never started."""
        known = json.decode((folder / BACKEND_FILE).read_bytes(), type=dict[str, str])
        more["database_password"] = None
        return cls(database_url=folder_database_url(folder), **known, **more)  # type: ignore[arg-type]  # pydantic's own check


class PrepareSettings(BackendSettings):
    """What `sunsweep prepare` may be told on top."""

    admin_database_url: SecretStr | None = Field(
        default=None,
        description="mysql://root:PASSWORD@HOST of somebody who may make users and databases; default: they stand",
    )
    mqtt_database_user: str = Field(default="sunsweep_mqtt", description="EMQX's user in the database")
    mqtt_database_password: SecretStr | None = Field(
        default=None, description="its password, which it has from then on; default: that user stands"
    )


class ServeSettings(BackendSettings):
    """What `sunsweep serve` needs on top."""

    public_mqtt_urls: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_public_urls)] = Field(
        default=(),
        description="broker URLs told to machines that enrol (mqtt, mqtts, ws, wss), the preferred one first, "
        "parted by commas; default: the broker of SUNSWEEP_MQTT_URL",
    )

    secret_key: SecretStr = Field(min_length=32, description="signs access tokens; at least 32 characters")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on")
    access_token_s: int = Field(default=3600, ge=60, description="seconds until a login has to be renewed")
    refresh_token_s: int = Field(
        default=2_592_000, ge=300, description="seconds until a login that is not renewed has ended"
    )
    public_url: Annotated[str, AfterValidator(_web_url)] | None = Field(
        default=None, description="where people reach this server, for the links in mails; default: its own address"
    )
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp_url)] | None = Field(
        default=None, description="smtp://USER:PASSWORD@HOST:PORT or smtps://…; default: no mail is sent"
    )
    mail_from: str = Field(default="sunsweep@localhost", description="sender of mails")
    first_admin: str = Field(
        default="admin@localhost", description="e-mail address of the platform admin that a first start makes"
    )
    cookie_secure: bool = Field(
        default=False, description="send the login cookie over HTTPS only, also where it was asked for without"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(origins)] = Field(
        default=(),
        description="origins whose pages may call the API with a token, parted by commas, as https://a.example; "
        "default: none",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(networks)] = Field(
        default=(),
        description="addresses and networks of proxies whose X-Forwarded-For and -Proto count, parted by commas; "
        "default: none",
    )
    commands_per_minute: int = Field(
        default=60,
        ge=1,
        description="start-like commands that a user or an API key may give in a minute; stops are not counted",
    )
    app_site: Path | None = Field(
        default=None, description="folder of the built app; default: the one that came with the program"
    )
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="the most that a request's body may have")
    mqtt_door: bool = Field(
        default=False,
        description="carry MQTT over WebSocket at /mqtt to a broker that has no WebSocket itself",
    )
    mqtt_door_places: int = Field(default=1000, ge=1, description="how many connections /mqtt carries at once")

    @property
    def link_base(self) -> str:
        """What links to this server begin with."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def folder_database_url(folder: Path) -> str:
    """SQLite in the folder of `sunsweep up`."""
    file = folder.resolve() / "sunsweep.db"
    return URL.create("sqlite+aiosqlite", database=str(file)).render_as_string()
