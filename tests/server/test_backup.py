"""A backup of a working platform, restored elsewhere: the ledger of its moment, and nothing that wakes up again."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from sunsweep.contract.times import iso
from sunsweep.mqtt.port import Message
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import AuditEntry, BulkRun, BulkTarget, CommandRow
from sunsweep.server.features.machines.service import Login
from sunsweep.server.settings import ServeSettings
from tests.support.backups import back_up, environment, restore
from tests.support.command import sunsweep
from tests.support.load import Load, numbered_seqs
from tests.support.platform import PASSWORD, Platform, eventually, new_settings, platform_over, topic


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of another database of the same kind."""
    if database_url.startswith("sqlite"):
        yield f"sqlite+aiosqlite:///{tmp_path / 'elsewhere.db'}"
        return
    server = request.getfixturevalue("mariadb")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def over(platform: Platform, url: str) -> ServeSettings:
    """Another database, with the same secrets."""
    kept = platform.settings.secret_key
    return new_settings(url).model_copy(update={"secret_key": kept})


def numbered(seq: int, *, ahead_ms: int = 0, **more: Any) -> bytes:
    return json.dumps({"ts": iso(wall_clock() + ahead_ms), "boot": 7, "seq": seq} | more).encode()


async def live(platform: Platform, login: Login) -> None:
    """Numbers that were stored, one that was rejected, some that were given up, and a gap that has not arrived."""
    async with platform.mqtt(login.mqtt_username, login.mqtt_password) as client:
        for seq in (1, 2, 3, 6, 9):
            await client.publish(topic(login, "telemetry"), numbered(seq, battery=13.0), qos=1)
        await client.publish(topic(login, "telemetry"), numbered(5, ahead_ms=3_600_000), qos=1)
        account = {"lost": [[7, 7, 8]], "ended": [[6, 3]]}
        await client.publish(topic(login, "status"), numbered(10, status="Idle", account=account), qos=1)


async def ledger(platform: Platform, serial: str) -> Any:
    found = await platform.get(f"/machines/{serial}/ledger", as_="viewer@example.com")
    del found["as_of"]
    return found


async def test_the_ledger_is_that_of_the_moment(
    platform: Platform, elsewhere: str, backups: Path, tmp_path: Path
) -> None:
    await live(platform, await platform.add_machine("QUIET-1"))

    async def counted() -> Any:
        found = await ledger(platform, "QUIET-1")
        return found if [boot["last"] for boot in found["items"] if boot["boot"] == 7] == [10] else None

    before = await eventually(counted)
    busy = await platform.add_machine("BUSY-1")
    password = await platform.add_service_account("feeder", ("publish", "company/#"))
    async with platform.mqtt("feeder", password) as feeder:
        load = Load(feeder, topic(busy, "telemetry"))
        async with load.running():
            await eventually(lambda: stored(platform, 200), within_s=30)
            certain = (await numbered_seqs(platform.database)).keys()
            backup = await back_up(platform.settings.database_url, backups)
            await eventually(lambda: stored(platform, len(certain) + 200), within_s=30)
    everything = (await numbered_seqs(platform.database)).keys()
    assert backup.stat().st_mode & 0o777 == 0o600
    assert list(backups.iterdir()) == [backup]
    await restore(backup, elsewhere)
    checked = await sunsweep("ledger", "check", "--json", env=environment(elsewhere), cwd=tmp_path)
    assert checked.code == 0, checked.err + checked.out
    figures = json.loads(checked.out)
    async with platform_over(over(platform, elsewhere), tmp_path / "restored") as other:
        found = (await numbered_seqs(other.database)).keys()
        assert certain <= found < everything
        assert await ledger(other, "QUIET-1") == before
    assert (figures["machines"], figures["rejected"], figures["given_up"]) == (2, 1, 2)
    assert figures["stored"] == len(found) + 6


async def stored(platform: Platform, number: int) -> bool:
    return len(await numbered_seqs(platform.database)) >= number


async def given(platform: Platform, serial: str, command: str) -> str:
    wish = {"command": command, "expires_in": 3600} if command == "start_cleaning" else {"command": command}
    answer = await platform.call("POST", f"/machines/{serial}/commands", as_="operator@example.com", json=wish)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def set_state(platform: Platform, command_id: str, state: str) -> None:
    async with platform.database.write() as session:
        change = (
            update(CommandRow).where(CommandRow.id == command_id).values(state=state, sends=1, sent_at=wall_clock())
        )
        await session.execute(change)


async def run_with_a_stage_to_come(platform: Platform, begun: str, next_: str) -> None:
    """Its first machine is at work with one command; the turn of the other's machine comes once that has ended."""
    words = {"command": "start_cleaning", "params": "{}", "selection": "{}", "state": "running"}
    async with platform.database.write() as session:
        first, second = [await session.get_one(CommandRow, one) for one in (begun, next_)]
        run = BulkRun(id="r-1", company_id=first.company_id, stage_size=1, stage=1, issued_at=wall_clock(), **words)
        session.add(run)
        await session.flush()
        session.add(BulkTarget(bulk_id="r-1", machine_id=first.machine_id, stage=1, command_id=begun))
        session.add(BulkTarget(bulk_id="r-1", machine_id=second.machine_id, stage=2))


async def test_nothing_of_then_wakes_up_again(
    platform: Platform, elsewhere: str, backups: Path, tmp_path: Path
) -> None:
    logins = {serial: await platform.add_machine(serial) for serial in ("START-1", "STOP-1", "SENT-1", "BEGUN-1")}
    start, stop = await given(platform, "START-1", "start_cleaning"), await given(platform, "STOP-1", "stop_cleaning")
    sent, begun = await given(platform, "SENT-1", "start_cleaning"), await given(platform, "BEGUN-1", "start_cleaning")
    form = {"username": "viewer@example.com", "password": PASSWORD}
    code = (await platform.call("POST", "/machines/STOP-1/enrolment-code")).json()["code"]
    wish = {"name": "Grafana", "role": "viewer", "expires_in_days": 9}
    key = (await platform.call("POST", "/api-keys", json=wish)).json()["key"]
    async with platform.web("/api/v1") as client:
        login = (await client.post("/auth/token", data=form)).raise_for_status().json()
    # Or the run's next stage would begin before it is copied.
    await platform.stop_backend()
    await set_state(platform, sent, "sent")
    await set_state(platform, begun, "running")
    await run_with_a_stage_to_come(platform, begun, sent)
    backup = await back_up(platform.settings.database_url, backups)
    told = await restore(backup, elsewhere)
    for words in (
        "1  starts that waited then have expired",
        "2  starts that were under way then are unconfirmed",
        "1  stops that were open then are open",
        "1  bulk runs have ended",
        "1  enrolment codes have ended",
        "1  API keys are good as they were then",
    ):
        assert words in told
    async with platform_over(over(platform, elsewhere), tmp_path / "restored") as other:
        await other.start_backend()
        async with other.web("/api/v1") as client:
            bearer = {"authorization": f"Bearer {login['access_token']}"}
            assert (await client.get("/me", headers=bearer)).status_code == 401
            renewal = {"refresh_token": login["refresh_token"]}
            assert (await client.post("/auth/refresh", json=renewal)).status_code == 401
            assert (await client.post("/enrol", json={"code": code})).status_code == 404
            assert (await client.get("/machines", headers={"authorization": f"Bearer {key}"})).status_code == 200
        assert await states(other, logins) == {
            start: "expired", stop: "queued", sent: "unconfirmed", begun: "unconfirmed",
        }  # fmt: skip
        assert await commands_for(other, logins["START-1"]) == []
        assert await commands_for(other, logins["STOP-1"]) == ["stop_cleaning"]
        async with other.database.read() as session:
            run = await session.get_one(BulkRun, "r-1")
            assert (run.state, run.ended_at is not None) == ("aborted", True)
            entry = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "database.restore"))).one()
            assert json.loads(entry.detail)["expired"] == 1


async def states(platform: Platform, serials: Iterable[str]) -> dict[str, str]:
    pages = [await platform.get(f"/machines/{serial}/commands") for serial in serials]
    return {item["id"]: item["state"] for page in pages for item in page["items"]}


async def commands_for(platform: Platform, login: Login) -> list[str]:
    """What a machine is given that comes online, speaks, and is stopped once it has listened for a while."""
    came: list[str] = []
    names = (login.mqtt_username, login.mqtt_password, topic(login, "command"))
    async with platform.mqtt(*names, on_messages=lambda some: came.extend(map(named, some))) as client:
        await client.publish(topic(login, "status"), b'{"status":"Idle"}', qos=1)
        await eventually(lambda: is_online(platform, login), within_s=30)
        # A stop goes out at the machine's first word; a start that were to go out would have gone with it.
        await client.publish(topic(login, "telemetry"), b'{"battery":13}', qos=1)
        if login.machine_id == "STOP-1":
            await eventually(lambda: has_come(came), within_s=30)
        else:
            await eventually(lambda: is_stored(platform, login), within_s=30)
    return sorted(set(came))


def named(message: Message) -> str:
    return str(json.loads(message.payload)["command"])


async def has_come(came: list[str]) -> bool:
    return bool(came)


async def is_stored(platform: Platform, login: Login) -> bool:
    return bool(await platform.telemetry(login.machine_id))


async def is_online(platform: Platform, login: Login) -> bool:
    return bool((await platform.get(f"/machines/{login.machine_id}/status"))["presence"] == "online")
