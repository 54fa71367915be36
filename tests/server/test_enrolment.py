"""Enrolment: a code is good once, for its time, for its machine; every other one is answered alike."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import URL

from sunsweep.server.clock import wall_clock
from sunsweep.server.features.enrolment import codes, service
from sunsweep.server.features.enrolment.addresses import broker_urls, ca_certificate
from sunsweep.server.features.enrolment.tries import Limit, Tries
from sunsweep.server.features.machines import service as machines
from sunsweep.server.settings import ServeSettings
from tests.support import mosquitto
from tests.support.platform import Platform, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def code_for(platform: Platform, serial: str, **wish: Any) -> str:
    answer = await platform.call("POST", f"/machines/{serial}/enrolment-code", json=wish or None)
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["code"]
    return code


async def enrol(platform: Platform, code: str) -> httpx.Response:
    """From an address of its own: the bound on tries is another test's."""
    transport = httpx.AsyncHTTPTransport(local_address=f"127.0.0.{2 + hash(code) % 250}")
    async with httpx.AsyncClient(base_url=platform.url, transport=transport, trust_env=False) as client:
        return await client.post("/api/v1/enrol", json={"code": code})


async def test_a_code_is_exchanged_for_a_login_that_works_at_once(shared: Platform) -> None:
    old = await shared.add_machine("ENROL-1")
    answer = await enrol(shared, await code_for(shared, "ENROL-1"))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["company_id"], told["machine_id"], told["ca"]) == (1, "ENROL-1", None)
    assert told["topics"] == "company/1/machine/ENROL-1/#"
    web = f"ws://127.0.0.1:{shared.settings.port}/mqtt"
    assert told["brokers"] == [f"mqtt://127.0.0.1:{shared.mqtt_port}", web]
    assert told["mqtt_username"] != old.mqtt_username
    for username, password in (
        (told["mqtt_username"], told["mqtt_password"]),
        (old.mqtt_username, old.mqtt_password),
    ):
        where = "company/1/machine/ENROL-1/telemetry"
        code, _ = await mosquitto.publish(
            shared.mqtt_port, where, '{"battery":13}', "-q", "1", username=username, password=password
        )
        assert code == 0
    assert await eventually(lambda: shared.telemetry("ENROL-1"))


async def test_wrong_used_replaced_and_expired_codes_are_answered_alike(shared: Platform) -> None:
    login = await shared.add_machine("ENROL-2")
    replaced, used = await code_for(shared, "ENROL-2"), await code_for(shared, "ENROL-2")
    assert (await enrol(shared, used)).status_code == 200
    async with shared.database.write() as session:
        machine = await machines.known(session, 1, login.machine_id, lock=True)
        an_hour_ago_ms = wall_clock() - service.DEFAULT_LIFE_S * 1000
        expired = (await service.issue(session, machine, now_ms=an_hour_ago_ms)).code
    answers = [await enrol(shared, code) for code in (codes.draw(), "nonsense", "ä", replaced, used, expired)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["code"] == "not_found"


async def test_typed_in_small_letters_and_without_the_hyphens_it_is_the_same_code(shared: Platform) -> None:
    await shared.add_machine("ENROL-3")
    code = await code_for(shared, "ENROL-3")
    assert (await enrol(shared, f" {code.lower().replace('-', ' ')} ")).status_code == 200


async def test_of_two_at_once_one_gets_it(shared: Platform) -> None:
    await shared.add_machine("ENROL-4")
    code = await code_for(shared, "ENROL-4")
    answers = await asyncio.gather(*(enrol(shared, code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404, 404]


async def test_a_disabled_or_archived_machine_does_not_enrol(shared: Platform) -> None:
    for serial, method, body in (("ENROL-5", "PATCH", {"enabled": False}), ("ENROL-6", "DELETE", None)):
        await shared.add_machine(serial)
        code = await code_for(shared, serial)
        assert (await shared.call(method, f"/machines/{serial}", json=body)).is_success
        assert (await enrol(shared, code)).status_code == 404
    refused = await shared.call("POST", "/machines/ENROL-5/enrolment-code")
    assert (refused.status_code, refused.json()["code"]) == (409, "machine_disabled")


@pytest.mark.parametrize(
    ("who", "status"), [("operator@example.com", 403), ("viewer@example.com", 403), ("admin@beta.example", 404)]
)
async def test_only_an_admin_of_the_company_issues_one(shared: Platform, who: str, status: int) -> None:
    if (await shared.call("GET", "/machines/ENROL-7")).status_code == 404:
        await shared.add_machine("ENROL-7")
    assert (await shared.call("POST", "/machines/ENROL-7/enrolment-code", as_=who)).status_code == status


@pytest.mark.parametrize("seconds", [0, 59, service.MAX_LIFE_S + 1, "soon"])
async def test_its_life_is_bounded(shared: Platform, seconds: object) -> None:
    answer = await shared.call("POST", "/machines/ENROL-7/enrolment-code", json={"expires_in": seconds})
    assert (answer.status_code, answer.json()["field"]) == (422, "expires_in")


async def test_guessing_is_slowed_down(shared: Platform) -> None:
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.254")
    async with httpx.AsyncClient(base_url=shared.url, transport=transport, trust_env=False) as client:
        answers = [await client.post("/api/v1/enrol", json={"code": codes.draw()}) for _ in range(12)]
    assert [answer.status_code for answer in answers[:10]] == [404] * 10
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "too_many_tries")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 6


async def test_tries_come_back_with_time_and_addresses_do_not_share_them() -> None:
    now = [0.0]
    tries = Tries(per_address=Limit(2, 6), overall=Limit(5, 1), monotonic_s=lambda: now[0])
    assert [tries.wait_s("10.0.0.1") for _ in range(3)] == [0, 0, 6]
    assert tries.wait_s("10.0.0.2") == 0
    assert [tries.wait_s(f"2001:db8::{n}") for n in range(3)] == [0, 0, 6]
    assert tries.wait_s("10.0.0.3") == 1
    now[0] = 6.0
    assert [tries.wait_s("10.0.0.1") for _ in range(2)] == [0, 6]


async def test_a_code_has_more_than_sixty_bits_and_no_letter_taken_for_another() -> None:
    assert len(codes.ALPHABET) ** (codes.GROUPS * codes.GROUP) > 2**60
    assert not set(codes.ALPHABET) & set("01OILSZBGUAE")
    assert len({codes.draw() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("given", "asked", "told"),
    [
        ({"mqtt_url": "mqtt://127.0.0.1:1883"}, "http://farm.example:8000", ["mqtt://farm.example:1883"]),
        ({"mqtt_url": "mqtt://localhost:1883"}, "http://[fd00::1]", ["mqtt://[fd00::1]:1883"]),
        ({"mqtt_url": "mqtts://broker.example"}, "https://farm.example", ["mqtts://broker.example"]),
        ({"public_mqtt_urls": "mqtts://b.example, wss://b.example/mqtt"}, "http://x", ["mqtts://b.example", "wss://b.example/mqtt"]),
        ({"mqtt_url": "mqtt://127.0.0.1:1883", "mqtt_door": True}, "http://[fd00::1]:8000",
            ["mqtt://[fd00::1]:1883", "ws://[fd00::1]:8000/mqtt"]),
        ({"mqtt_url": "mqtts://b.example", "mqtt_door": True}, "https://farm.example",
            ["mqtts://b.example", "wss://farm.example:443/mqtt"]),
    ],
)  # fmt: skip
async def test_machines_are_told_addresses_that_they_can_reach(given: Any, asked: str, told: list[str]) -> None:
    settings = ServeSettings(database_url="sqlite:///x", secret_key="x" * 32, **given)
    assert broker_urls(settings, URL(asked)) == told


async def test_the_ca_goes_along(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert await ca_certificate(file) == "-----BEGIN CERTIFICATE-----\n"
