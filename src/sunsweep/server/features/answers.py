"""What the OpenAPI document says of refusals: problem documents (RFC 9457), on the routes that answer them."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from sunsweep.server.features.requests import (
    SAFE_METHODS,
    admin,
    caller,
    company,
    operator,
    person_admin,
    person_id,
    platform_admin,
    services,
)

PROBLEM_TYPE: Final = "application/problem+json"
PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal, as RFC 9457 has it. `code` is stable; some carry further members, such as `field`.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}
WORDS: Final = {
    400: "The body cannot be read",
    401: "No login, or one that is wrong or has ended",
    403: "This login may not do it",
    404: "It does not exist, or is another company's",
    409: "It contradicts what there is",
    413: "The body is larger than this server takes",
    422: "A value that cannot be; `field` names it",
    429: "Too many; `retry_after_s` says when to come again",
    503: "The database takes nothing now",
}
OF_DEPENDENCIES: Final[dict[Callable[..., Any], set[int]]] = {
    services: {503},
    caller: {401},
    company: {404},
    operator: {403},
    admin: {403},
    person_id: {403},
    person_admin: {403},
    platform_admin: {403},
}
"""What is answered by a route that asks for them, whatever it does itself."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: what it refuses beside what can be seen from its parameters."""
    return {status: _documented(status) for status in statuses}


def document(app: FastAPI) -> dict[str, Any]:
    """FastAPI's own document, made complete."""
    if app.openapi_schema is None:
        found = FastAPI.openapi(app)
        for route in iter_route_contexts(app.routes):
            if getattr(route, "include_in_schema", False) and route.methods and route.path_format in found["paths"]:
                for method in route.methods:
                    _complete(found["paths"][route.path_format][method.lower()], route, method)
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = PROBLEM
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
    return app.openapi_schema or {}


def _complete(operation: dict[str, Any], route: RouteContext, method: str) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status in sorted(_statuses(operation, route.dependant, method)):
        responses.setdefault(str(status), _documented(status))
    operation["responses"] = dict(sorted(responses.items()))


def _statuses(operation: dict[str, Any], dependant: Dependant, method: str) -> Iterator[int]:
    asked = set(_dependencies(dependant))
    for dependency in asked:
        yield from OF_DEPENDENCIES.get(dependency, ())
    parameters = operation.get("parameters", [])
    if parameters or "requestBody" in operation:
        yield 422
    if any(parameter["in"] == "path" or parameter["name"] == "company_id" for parameter in parameters):
        yield 404
    if "requestBody" in operation:
        yield from (400, 413)
    if caller in asked and method not in SAFE_METHODS:
        # A login cookie alone may not write.
        yield 403


def _dependencies(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from _dependencies(dependency)


def _documented(status: int) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": WORDS[status], "content": content}
