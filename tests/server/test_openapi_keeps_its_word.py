"""Whatever is asked, the answer is one that the OpenAPI document has, and never our fault."""

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any, Final

import hypothesis
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import delete

from sunsweep.server.api import bare_app
from sunsweep.server.db.models import FailedLogin
from sunsweep.server.settings import Role
from tests.support.tenants import OURS, Caller, Tenants, running_tenants

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT: Final = bare_app(roles=frozenset(Role)).openapi()
SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: Final = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]
WHO: Final = (
    ("admin@example.com", GenerationMode.POSITIVE),
    ("admin@example.com", GenerationMode.NEGATIVE),
    ("viewer@example.com", GenerationMode.POSITIVE),
    ("no token", GenerationMode.POSITIVE),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tenants]:
    folder = tmp_path_factory.mktemp("tenants")
    with pytest.MonkeyPatch.context() as patch:
        # Nobody carries out what is given here: who waits for an outcome waits in vain, and need not wait long.
        patch.setattr("sunsweep.server.features.commands.endpoints.seconds", lambda wait: 0.01 if wait else 0)
        async with running_tenants(f"sqlite+aiosqlite:///{folder / 'sunsweep.db'}", folder) as running:
            yield running


def ask(operation: Any, mode: GenerationMode, things: dict[str, str], base_url: str, caller: Caller, most: int) -> None:
    """`most` requests of what the document allows, or of what it does not; some name what there is."""
    named = {name: value for name, value in things.items() if "{" + name + "}" in operation.path}

    @hypothesis.settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode, path_parameters=named or None))
    def asked(case: Any) -> None:
        case.validate_response(case.call(base_url=base_url, headers=caller.headers), checks=CHECKS)

    asked()


async def keeps_its_word(tenants: Tenants, name: str, most: int, schema: Any = SCHEMA) -> None:
    method, path = name.split()
    operation = schema[path][method]
    told = DOCUMENT["paths"][path][method.lower()]
    for who, mode in WHO:
        if mode is GenerationMode.NEGATIVE and not {"parameters", "requestBody"} & set(told):
            continue  # nothing can be wrong with it
        caller = tenants.caller(who)
        things = dict(await tenants.make(OURS)) if mode is GenerationMode.POSITIVE else {}
        await asyncio.to_thread(ask, operation, mode, things, tenants.platform.url, caller, most)
        if caller.role is not None and path.startswith("/api/v1/auth/"):
            # So many guesses come from one address.
            async with tenants.platform.database.write() as session:
                await session.execute(delete(FailedLogin))
            await tenants.log_in_again(caller)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_answer_is_one_of_the_document_s(tenants: Tenants, name: str) -> None:
    await keeps_its_word(tenants, name, 4)


@pytest.mark.parametrize("lost", ["200", "404"])
async def test_an_answer_that_the_document_does_not_have_is_found(tenants: Tenants, lost: str) -> None:
    path = "/api/v1/machines/{machine_id}"
    document = deepcopy(DOCUMENT)
    del document["paths"][path]["get"]["responses"][lost]
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        await keeps_its_word(tenants, f"GET {path}", 4, schemathesis.openapi.from_dict(document))


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_answer_is_one_of_the_document_s_however_often_one_asks(tenants: Tenants, name: str) -> None:
    await keeps_its_word(tenants, name, 100)


async def test_every_body_may_be_too_large() -> None:
    """The gate refuses it before any route sees it."""
    answers = [
        operation["responses"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    assert answers
    assert all("413" in responses for responses in answers)
