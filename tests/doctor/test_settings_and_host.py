"""Settings, disk, clocks and certificates."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from pydantic import SecretStr

from sunsweep.server.doctor.certificates import CERTIFICATES
from sunsweep.server.doctor.clocks import CLOCKS
from sunsweep.server.doctor.disk import DISK
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.settings import SETTINGS
from sunsweep.server.doctor.surroundings import GIB, Limits, Surroundings
from tests.doctor.looking import levels, look, told


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """On this one alone."""
    return sqlite_url


GOOD_KEY = "Zx8Kq0vT3mWn5Rb7Yc1Lp9Hd2Gf4Js6AeUiOo-kTw"


def with_(around: Surroundings, **change: Any) -> Surroundings:
    assert around.serving is not None
    settings = around.serving.model_copy(update={"secret_key": SecretStr(GOOD_KEY)} | change)
    return replace(around, settings=settings, serving=settings)


@pytest.fixture(autouse=True)
def nothing_of_ours_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


async def test_settings_that_are_well(around: Surroundings) -> None:
    public = {"public_url": "https://sun.example.org", "cookie_secure": True}
    assert levels(await look(SETTINGS, with_(around, **public))) == {Level.OK}


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"mqtt_password": SecretStr("short")}, Level.FAILS, "SUNSWEEP_MQTT_PASSWORD has 5 characters"),
        ({"mqtt_url": "mqtt://broker.example.org"}, Level.FAILS, "SUNSWEEP_MQTT_URL leads over a public network"),
        ({"emqx_url": "http://8.8.8.8:18083"}, Level.FAILS, "SUNSWEEP_EMQX_URL leads over a public network"),
        ({"database_url": "mysql://sunsweep:short@db/sunsweep"}, Level.WARNING, "the database's password is short"),
        ({"secret_key": SecretStr("a" * 40)}, Level.FAILS, "SUNSWEEP_SECRET_KEY can be guessed"),
        ({"secret_key": SecretStr("changeme" + GOOD_KEY)}, Level.FAILS, "SUNSWEEP_SECRET_KEY can be guessed"),
        ({"public_url": "https://sun.example.org"}, Level.WARNING, "the login's cookie"),
        ({"public_url": "http://sun.example.org"}, Level.FAILS, "SUNSWEEP_PUBLIC_URL is http"),
        ({"host": "0.0.0.0"}, Level.WARNING, "SUNSWEEP_PUBLIC_URL is not set"),
        ({"cors_origins": ("http://panel.example.org",)}, Level.WARNING, "lets pages of http://panel.example.org call"),
        ({"trusted_proxies": ("0.0.0.0/0",)}, Level.FAILS, "SUNSWEEP_TRUSTED_PROXIES is 0.0.0.0/0"),
    ],
)
async def test_a_weak_setting_is_told(around: Surroundings, change: dict[str, Any], level: Level, words: str) -> None:
    findings = await look(SETTINGS, with_(around, **change))
    (told_words,) = told(findings, level)
    assert words in told_words
    assert len(findings) == 1
    for secret in change.values():
        if isinstance(secret, SecretStr):
            assert secret.get_secret_value() not in str(findings)


@pytest.mark.parametrize(
    "change",
    [
        {"mqtt_url": "mqtt://solar_emqx:1883"},
        {"mqtt_url": "mqtt://10.0.0.7"},
        {"mqtt_url": "mqtts://broker.example.org"},
        {"mqtt_url": "mqtt://emqx.sunsweep.svc.cluster.local"},
        {"public_url": "https://sun.example.org", "trusted_proxies": ("172.16.0.0/12",)},
        {"public_url": "http://localhost:8000"},
    ],
)
async def test_what_stays_private_is_let_alone(around: Surroundings, change: dict[str, Any]) -> None:
    assert levels(await look(SETTINGS, with_(around, **change))) == {Level.OK}


async def test_settings_that_serve_would_not_take_are_told(around: Surroundings) -> None:
    half = replace(around, serving=None, serving_fault="SUNSWEEP_SECRET_KEY: Field required")
    (words,) = told(await look(SETTINGS, half), Level.WARNING)
    assert words.endswith("SUNSWEEP_SECRET_KEY: Field required")


@pytest.mark.parametrize("name", [".env", "backend.json"])
async def test_a_file_of_secrets_that_others_may_read_is_told(around: Surroundings, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.touch(mode=0o600)
    here = replace(with_(around), folder=tmp_path)
    assert levels(await look(SETTINGS, here)) == {Level.OK}
    file.chmod(0o644)
    (words,) = told(await look(SETTINGS, here), Level.FAILS)
    assert "is not its owner's alone" in words


async def test_room_on_the_disk(around: Surroundings, tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    for least, level in ((1, Level.OK), (free // 2, Level.WARNING), (free * 2, Level.FAILS)):
        limits = Limits(min_free_bytes=least)
        assert levels(await look(DISK, replace(around, limits=limits, folder=tmp_path))) == {level}
    assert Limits().min_free_bytes == 2 * GIB


async def test_the_room_of_a_database_elsewhere_is_unknown(around: Surroundings) -> None:
    elsewhere = with_(around, database_url="mysql://sunsweep:a-long-password@db/sunsweep")
    database = MagicMock(is_sqlite=False)
    assert levels(await look(DISK, replace(elsewhere, database=database))) == {Level.UNKNOWN}


async def test_a_clock_that_nobody_sets_is_told(around: Surroundings) -> None:
    assert levels(await look(CLOCKS, around)) == {Level.OK}
    assert told(await look(CLOCKS, replace(around, synchronised=lambda: False)), Level.WARNING)


async def test_no_tls_is_told_as_such(around: Surroundings) -> None:
    assert told(await look(CERTIFICATES, around), Level.OK) == ["no URL that is set here speaks TLS"]
