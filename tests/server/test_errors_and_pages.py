"""What every answer has in common, and the pages and documents beside REST."""

import json
import re
from typing import Any

import httpx
import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.platform import Platform, eventually

module_loop = pytest.mark.asyncio(loop_scope="module")


async def page(platform: Platform, path: str, method: str = "GET") -> httpx.Response:
    async with platform.web() as web:
        return await web.request(method, path)


@module_loop
async def test_what_the_framework_refuses_is_a_problem_too(shared: Platform) -> None:
    refused = {
        "not_found": await page(shared, "/api/v1/nothing"),
        "method_not_allowed": await page(shared, "/api/v1/me", "PUT"),
        "invalid": await shared.call("POST", "/machines", content=b"{", headers={"content-type": "application/json"}),
    }
    for code, answer in refused.items():
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (problem["code"], problem["status"]) == (code, answer.status_code)
        assert problem["type"] == f"urn:sunsweep:problem:{code}"
        assert problem["detail"]
    assert refused["method_not_allowed"].headers["allow"]


@module_loop
async def test_bodies_of_any_kind_are_refused_by_name(shared: Platform) -> None:
    bodies = [b"", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"machine_id":' + b"9" * 5000 + b"}"]
    for body in bodies:
        answer = await shared.call("POST", "/machines", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), body[:20]
        assert answer.headers["content-type"] == "application/problem+json"


@module_loop
async def test_strange_parameters_never_break_the_server(shared: Platform) -> None:
    huge = "9" * 30
    paths = [
        "/machines/%00", "/machines/%C3%A9/status", "/machines/%F0%9F%8C%9E", "/machines/a%2Fb",
        f"/machines/{'x' * 65}",
        "/machines?cursor=%C3%A9", "/machines?cursor=%00", f"/machines?limit={huge}", "/machines?limit=0",
        f"/machines?company_id={huge}", "/machines?company_id=0", "/machines?company_id=x",
        f"/dead-letters?cursor={huge}", "/machines/%C3%A9/commands", "/machines/x/commands/%C3%A9",
    ]  # fmt: skip
    for who in ("admin@example.com", "root@example.com"):
        for path in paths:
            answer = await shared.call("GET", path, as_=who)
            assert answer.status_code in (200, 404, 422), (path, answer.text)


@module_loop
async def test_unknown_fields_of_a_body_are_named_and_of_a_query_passed_over(shared: Platform) -> None:
    answer = await shared.call("POST", "/machines", json={"machine_id": "X-1", "colour": "red"})
    assert (answer.status_code, answer.json()["field"]) == (422, "colour")
    assert (await shared.call("GET", "/machines?utm_source=mail")).status_code == 200


@module_loop
async def test_the_docs_ask_no_other_host(shared: Platform) -> None:
    for path in ("/docs", "/redoc", "/app"):
        html = (await page(shared, path)).raise_for_status().text
        urls = re.findall(r"""(?:src|href|url)\s*[=:(]\s*["']?([^"'\s>)]+)""", html)
        assert [url for url in urls if re.match(r"(?:[a-z]+:)?//", url)] == [], path
        for url in {url for url in urls if url.startswith("/")}:
            assert (await page(shared, url)).status_code == 200, url


@module_loop
async def test_the_published_documents_hold_together(shared: Platform) -> None:
    document = (await page(shared, "/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    references = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    operations: list[dict[str, Any]] = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert (await page(shared, "/asyncapi.json")).json()["asyncapi"].startswith("3.")


@module_loop
async def test_the_root_leads_to_the_app(shared: Platform) -> None:
    answer = await page(shared, "/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/app")
    assert "<title>" in (await page(shared, "/app")).text


@module_loop
async def test_what_is_counted_can_be_read_by_prometheus(shared: Platform) -> None:
    await shared.get("/machines")
    answer = await page(shared, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    ours = {name: family for name, family in families.items() if name.startswith("sunsweep_")}
    assert {"sunsweep_ingest_stored", "sunsweep_live_viewers", "sunsweep_live_lagged"} <= set(ours)
    assert all(family.documentation for family in ours.values())


async def test_readiness_names_the_part_that_is_away(platform: Platform) -> None:
    async def broker() -> str:
        answer = await page(platform, "/readyz")
        assert (answer.status_code == 200) == (answer.json()["status"] != "unavailable")
        return str(answer.json()["broker"])

    assert await broker() == "ok"
    await platform.stop_broker()

    async def away() -> bool:
        return await broker() != "ok"

    async def back() -> bool:
        return await broker() == "ok"

    await eventually(away)
    assert (await page(platform, "/readyz")).json()["database"] == "ok"
    assert (await page(platform, "/healthz")).status_code == 200
    assert (await platform.call("GET", "/machines")).status_code == 200
    await platform.start_broker()
    await eventually(back)
