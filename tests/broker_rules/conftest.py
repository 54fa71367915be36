"""The place of the rules, one for all of them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.broker_rules.place import WAYS, Place, Way, place


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with place(tmp_path_factory.mktemp("rules")) as found:
        yield found


@pytest.fixture(params=WAYS, ids=[f"{scheme}-{version.name}" for scheme, version in WAYS])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found
