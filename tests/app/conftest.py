"""The languages; and one `sunsweep up` and one browser for all tests that a worker runs on a page."""

import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sunsweep.app import words
from sunsweep.app.bundle.build import SITE, build, default_cache
from sunsweep.app.bundle.compress import QUICK
from sunsweep.app.words import catalogue, upkeep
from tests.app.browser import Visitor, chromium, visiting
from tests.support.command import SUNSWEEP, Site, clean_environment

WALK_WITHIN_S = 220
"""A walk through one page load, on a computer that does other things too; before the whole run is given up (240)."""

Visits = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    upkeep.compile_all()


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    words.use(catalogue.SOURCE)


@pytest.fixture(params=["en", "es", "ar"])
def language(request: pytest.FixtureRequest) -> str:
    """Each language in turn, in use."""
    code: str = request.param
    words.use(code)
    return code


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser's test has more time than others."""
    for item in items:
        if "browser_address" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(WALK_WITHIN_S))


@pytest.fixture(scope="session")
def built() -> Path:
    """The bundle of this very source; `make test` has built it already."""
    build(SITE, level=QUICK, cache=default_cache())
    return SITE


@pytest.fixture(scope="session")
def up(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`sunsweep up` with two simulated machines."""
    folder = tmp_path_factory.mktemp("up")
    site = Site(folder / "data")
    with (folder / "up.log").open("wb") as out:
        process = subprocess.Popen(
            [SUNSWEEP, *site.words("--machines", "2")],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=clean_environment(),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while "Sunsweep is up" not in (said := (folder / "up.log").read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        yield site
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="session")
def browser_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
def visits(up: Site, browser_address: str) -> Visits:
    """Profiles as a test wants them: `async with visits(locale="ar") as visitor`."""
    return partial(visiting, browser_address, up.url)


@pytest.fixture
async def visitor(up: Site, browser_address: str) -> AsyncIterator[Visitor]:
    """A person at a desk, who reads English."""
    profile: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}
    async with visiting(browser_address, up.url, **profile) as visitor:
        yield visitor
