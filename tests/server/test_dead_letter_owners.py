"""Whose a dead letter is, as the ingest finds out. Who sees what else: `test_matrix`."""

import json
from typing import Any

import pytest

from tests.support import mosquitto
from tests.support.platform import Platform, eventually, topic

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_dead_letters_are_for_the_admin_of_their_company(shared: Platform) -> None:
    letters = {}
    for company_id in (1, 2):
        login = await shared.add_machine("GARBLED-1", company_id)
        who = {"username": login.mqtt_username, "password": login.mqtt_password}
        rubbish = f"no json {company_id}"
        await mosquitto.publish(shared.mqtt_port, topic(login, "telemetry"), rubbish, "-q", "1", **who)

    for company_id, admin in ((1, "admin@example.com"), (2, "admin@beta.example")):

        async def found(admin: str = admin) -> Any:
            return (await shared.get("/dead-letters", as_=admin))["items"]

        letters[company_id] = await eventually(found)
    assert {letter["topic"] for letter in letters[1]} == {"company/1/machine/GARBLED-1/telemetry"}
    assert {letter["topic"] for letter in letters[2]} == {"company/2/machine/GARBLED-1/telemetry"}
    assert letters[1][0]["reason"] == "not_json"
    for other in ("operator@example.com", "viewer@example.com"):
        assert (await shared.call("GET", "/dead-letters", as_=other)).status_code == 403
    named = await shared.get("/dead-letters?company_id=2", as_="root@example.com")
    assert [letter["id"] for letter in named["items"]] == [letter["id"] for letter in letters[2]]


async def test_what_belongs_to_nobody_is_the_platform_admin_s(shared: Platform) -> None:
    password = await shared.add_service_account("stray", ("publish", "company/+/machine/+/telemetry"))
    where = "company/9/machine/UNKNOWN-1/telemetry"
    await mosquitto.publish(
        shared.mqtt_port, where, json.dumps({"battery": 13}), "-q", "1", username="stray", password=password
    )

    async def found() -> Any:
        return (await shared.get("/dead-letters", as_="root@example.com"))["items"]

    (letter,) = await eventually(found)
    assert (letter["topic"], letter["reason"]) == (where, "unknown_machine")
    for admin in ("admin@example.com", "admin@beta.example"):
        assert where not in json.dumps(await shared.get("/dead-letters", as_=admin))
