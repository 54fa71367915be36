from collections.abc import Iterator

import pytest

from sunsweep.app import words
from sunsweep.app.words import catalogue, upkeep


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
