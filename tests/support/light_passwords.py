"""People's passwords at the least cost argon2 knows: four of them and a login took a platform two seconds."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from sunsweep.server.features.accounts import passwords


@pytest.fixture(scope="session", autouse=True)
def costly_hasher() -> Iterator[PasswordHasher]:
    """The product's own hasher, for who asks what it costs; everybody else gets a cheap one."""
    costly = passwords._HASHER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield costly
