"""Certificates of the URLs that are set, over real TLS."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sunsweep.server.doctor.certificates import CERTIFICATES
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.surroundings import Surroundings
from tests.doctor.looking import later, levels, look, told
from tests.support.authority import Authority, showing
from tests.support.ports import free_port


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """On this one alone."""
    return sqlite_url


def at(around: Surroundings, ca_file: Path | None, **change: Any) -> Surroundings:
    assert around.serving is not None
    settings = around.serving.model_copy(update={"mqtt_ca_file": ca_file} | change)
    return replace(around, settings=settings, serving=settings)


async def test_a_certificate_and_its_authority_are_dated(around: Surroundings, tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    async with showing(await asyncio.to_thread(authority.sign, "broker", days=9000)) as port:
        here = at(around, authority.file, mqtt_url=f"mqtts://127.0.0.1:{port}")
        findings = await look(CERTIFICATES, here)
        assert levels(findings) == {Level.OK}, findings
        assert len(findings) == 2
        assert told(findings, Level.OK)[0].startswith(f"mqtts://127.0.0.1:{port}: good until")
        years = await look(CERTIFICATES, replace(here, now_ms=later(3500)))
        (words,) = told(years, Level.WARNING)
        assert words.startswith("the authority in")
        assert "127.0.0.1" not in str(told(years, Level.FAILS))


async def test_the_machines_own_ways_are_looked_at_too(around: Surroundings, tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    async with showing(await asyncio.to_thread(authority.sign, "old", days=-1)) as port:
        urls = (f"mqtts://127.0.0.1:{port}", f"wss://127.0.0.1:{port}/mqtt", "mqtt://127.0.0.1")
        failed = told(await look(CERTIFICATES, at(around, authority.file, public_mqtt_urls=urls)), Level.FAILS)
    assert [words.partition(" it expired")[0] for words in failed] == [
        f"mqtts://127.0.0.1:{port}:",
        f"wss://127.0.0.1:{port}:",
    ]


async def test_the_web_server_is_trusted_as_browsers_do(around: Surroundings, tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    async with showing(await asyncio.to_thread(authority.sign, "web")) as port:
        findings = await look(CERTIFICATES, at(around, authority.file, public_url=f"https://127.0.0.1:{port}"))
    (words,) = told(findings, Level.FAILS)
    assert "not trusted" in words


@pytest.mark.parametrize(("public", "level"), [(False, Level.FAILS), (True, Level.WARNING)])
async def test_nobody_there_is_told(around: Surroundings, public: bool, level: Level) -> None:  # noqa: FBT001
    """What is public may lead nowhere from within."""
    url = f"mqtts://me:not-to-be-seen@127.0.0.1:{free_port()}"
    here = at(around, None, **({"public_mqtt_urls": (url,)} if public else {"mqtt_url": url}))
    findings = await look(CERTIFICATES, here)
    assert levels(findings) == {level}
    assert "not-to-be-seen" not in str(findings)
