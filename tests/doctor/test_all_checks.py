"""Every check at once, beside a whole backend whose EMQX is as we set it up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sunsweep.server.db.partitions import partitions
from sunsweep.server.doctor.checks import CHECKS
from sunsweep.server.doctor.examine import examine
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.page import documents
from sunsweep.server.doctor.surroundings import Limits
from tests.doctor.emqx import Shown
from tests.doctor.looking import surroundings
from tests.doctor.test_database_checks import UNSAFE
from tests.support.emqx_api import KEY, SECRET, running_api
from tests.support.platform import Platform, eventually, running_platform

OF_MOSQUITTO = "a machine may take another machine's clientid, and with it its session"
"""What EMQX refuses and the tests' broker cannot."""


@pytest.fixture
async def backend(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    async with running_platform(database_url, tmp_path) as platform:

        async def jobs_have_begun() -> bool:
            return platform.database.is_sqlite or bool(await partitions(platform.database))

        await eventually(jobs_have_begun)
        yield platform


async def test_a_whole_backend_is_well(backend: Platform) -> None:
    async with running_api() as api:
        api.answer = Shown(sessions={"ingest-0": {"mqueue_len": 0, "mqueue_max": 1_000_000, "connected": True}})
        emqx = {"emqx_url": api.url, "emqx_key": KEY, "emqx_secret": type(backend.settings.emqx_secret)(SECRET)}
        settings = backend.settings.model_copy(update=emqx)
        around = surroundings(settings, backend.database, limits=Limits(min_free_bytes=1))
        answers = [answer async for answer in examine(CHECKS, around)]
    assert [answer.check for answer in answers] == list(CHECKS)
    found = [finding for answer in answers for finding in answer.findings]
    failed = [finding.words for finding in found if finding.level is Level.FAILS]
    assert failed == ([OF_MOSQUITTO] if backend.database.is_sqlite else [UNSAFE, OF_MOSQUITTO])
    unknown = [finding.words for finding in found if finding.level is Level.UNKNOWN]
    assert unknown == ["what time it is at EMQX: EMQX does not tell its time"]
    assert SECRET not in str(found)
    assert settings.mqtt_password.get_secret_value() not in str(found)


def test_every_check_stands_on_the_page() -> None:
    ((name, content),) = documents()
    assert name == "doctor.md"
    for check in CHECKS:
        assert f"| `{check.name}` | {check.about} |" in content.decode()
    assert len({check.name for check in CHECKS}) == len(CHECKS)
