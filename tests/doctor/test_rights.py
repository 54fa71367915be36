"""The broker's rights, tried by throwaway machines: shown red by opening the broker, and nothing remains of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mqtt5
import pytest
from sqlalchemy import select, text, update

from sunsweep.mqtt.local_broker import files
from sunsweep.mqtt.port import BrokerUser
from sunsweep.server.broker.logins import wait_applied
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.models import AuditEntry, Company, MachineCredential
from sunsweep.server.doctor import peer, rights, throwaway
from sunsweep.server.doctor.broker import BROKER
from sunsweep.server.doctor.examine import examine
from sunsweep.server.doctor.findings import Level
from sunsweep.server.doctor.rights import RIGHTS
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.throwaway import LIFE_MS
from sunsweep.server.features.machines.service import end_overlaps
from tests.doctor.conftest import start_broker
from tests.doctor.looking import later, levels, look, surroundings, told
from tests.support.fake_broker import WELCOME, any_packet_from, fake_broker, packet_from, until_gone
from tests.support.platform import Platform

TABLES = ("company", "machine", "machine_credential", "machine_status", "mqtt_user", "mqtt_acl")


async def counted(platform: Platform) -> dict[str, int]:
    async with platform.database.read() as session:
        return {table: (await session.execute(text(f"SELECT COUNT(*) FROM {table}"))).scalar_one() for table in TABLES}


async def entries(platform: Platform) -> list[tuple[str, int | None]]:
    async with platform.database.read() as session:
        rows = await session.execute(select(AuditEntry.action, AuditEntry.company_id, AuditEntry.object))
        return [(row.action, row.company_id) for row in rows if "doctor" in row.object]


def more_rules(monkeypatch: pytest.MonkeyPatch, rules: Callable[[BrokerUser], str]) -> None:
    """What stands in the ACL file of every login beside, or instead of, its own."""
    own = files._rules
    monkeypatch.setattr(files, "_rules", lambda user: own(user).rstrip("\n") + f"\n{rules(user)}\n\n")


async def test_a_broker_as_it_should_be(brokered: Platform, around: Surroundings) -> None:
    before = await counted(brokered)
    findings = await look(RIGHTS, around)
    assert levels(findings) == {Level.OK}, findings
    assert len(findings) == 3
    assert await counted(brokered) == before
    assert await entries(brokered) == [("machine.add", None), ("machine.delete", None)]


async def test_the_broker_forgets_them_too(brokered: Platform, around: Surroundings) -> None:
    await look(RIGHTS, around)
    assert await wait_applied(brokered.database, now_ms=wall_clock)
    acl = await asyncio.to_thread((brokered.folder / "broker" / "acl").read_text)
    assert "doctor" not in acl


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("topic readwrite company/#", "may speak on another machine's topics"),
        ("topic readwrite company/#", "may speak on another company's topics"),
        ("topic readwrite company/#", "may listen to company/+/#"),
        ("topic write company/#", "may speak on another company's topics"),
        ("topic read company/#", "may listen to another company's topics"),
        ("topic read company/#", "may listen to $share/doctor/company/+/#"),
        ("topic read company/1/#", ""),
        ("topic write sunsweep/event/#", "may speak as the backend"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_door_that_stands_open_is_found(
    quiet: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch, rule: str, words: str
) -> None:
    more_rules(monkeypatch, lambda _: rule)
    await start_broker(quiet)
    before = await counted(quiet)
    findings = await look(RIGHTS, around)
    failed = told(findings, Level.FAILS)
    assert any(words in one for one in failed) if words else failed == []
    if "readwrite" not in rule and "company/#" in rule:
        other = "listen" if "write" in rule else "speak"
        assert not [one for one in failed if f"may {other}" in one], "the other half is closed"
    assert await counted(quiet) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_machine_that_may_not_do_its_own_is_told(
    quiet: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = files._rules
    monkeypatch.setattr(
        files, "_rules", lambda user: own(user) if user.username[:2] != "m-" else f"user {user.username}\n"
    )
    await start_broker(quiet)
    (words,) = told(await look(RIGHTS, around), Level.FAILS)
    assert "own topics does not arrive" in words or "own commands" in words


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_strangers_that_get_in_are_told(
    quiet: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose = files._CONFIGURATION.replace("allow_anonymous false", "allow_anonymous true")
    monkeypatch.setattr(files, "_CONFIGURATION", loose)
    await start_broker(quiet)
    assert told(await look(RIGHTS, around), Level.FAILS) == ["who has no login is let in"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_broker_that_takes_anybody_for_anybody(quiet: Platform, around: Surroundings) -> None:
    """No broker of the tests' own can be brought to take a wrong password."""

    async def welcomes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        await until_gone(reader)

    async with fake_broker(welcomes) as broker, throwaway.throwaway_machines(around) as machines:
        settings = quiet.settings.model_copy(update={"mqtt_url": f"mqtt://127.0.0.1:{broker.port}"})
        trial = rights._Trial(peer.address(settings), machines, has_clientid_rules=True)
        words = [finding.words for finding in await rights._strangers(trial)]
        assert ["no login" in words[0], "wrong password" in words[1], "clientid" in words[2]] == [True, True, True]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_connection_that_is_ended_is_a_refusal(quiet: Platform, around: Surroundings) -> None:
    """As EMQX does with `deny_action = disconnect`."""

    async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet_from(reader)
        writer.write(WELCOME)
        await any_packet_from(reader)
        writer.write(mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.NOT_AUTHORIZED).write())
        writer.close()

    async with fake_broker(ends) as broker:
        settings = quiet.settings.model_copy(update={"mqtt_url": f"mqtt://127.0.0.1:{broker.port}"})
        async with peer.connected(peer.address(settings)) as machine:
            assert not await machine.may_listen("company/+/#")
        async with peer.connected(peer.address(settings)) as machine:
            assert not await machine.may_say("company/1/machine/X/check", b"{}")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_logins_that_do_not_reach_the_broker_are_told(brokered: Platform, around: Surroundings) -> None:
    await brokered.stop_sync()
    (words,) = told(await look(RIGHTS, around), Level.FAILS)
    assert "does not know a machine that was just added" in words


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_without_a_broker_nothing_is_said_of_rights_and_nothing_remains(
    quiet: Platform, around: Surroundings
) -> None:
    before = await counted(quiet)
    (words,) = told(await look(RIGHTS, around), Level.FAILS)
    assert "could not be tried" in words
    assert await counted(quiet) == before


async def test_nothing_remains_of_a_trial_that_is_cut_off(
    brokered: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await counted(brokered)
    begun = asyncio.Event()

    async def hangs(_trial: Any) -> Any:
        begun.set()
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(rights, "_tried", hangs)
    (answer,) = [answer async for answer in examine([RIGHTS._replace(within_s=6)], around)]
    assert "no answer within" in answer.findings[0].words
    assert begun.is_set()
    assert await counted(brokered) == before
    # And of one that is cut off twice, as by an impatient operator.
    begun.clear()
    task = asyncio.create_task(look(RIGHTS, around), name="doctor")
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await counted(brokered) == before


async def test_what_a_killed_doctor_leaves_ends_by_itself_and_goes_with_the_next(
    brokered: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await counted(brokered)
    with monkeypatch.context() as patch:

        async def dies(*_: Any) -> None:
            """As if it had been killed before."""

        patch.setattr(throwaway, "_take_away", dies)
        await look(RIGHTS, around)
    assert (await counted(brokered))["company"] == before["company"] + 2

    await look(RIGHTS, around)
    assert (await counted(brokered))["company"] == before["company"] + 2, "it may be another doctor's, who is at work"

    async with brokered.database.write() as session:
        await end_overlaps(session, now_ms=wall_clock() + LIFE_MS + 1)
    async with brokered.database.read() as session:
        left = (await session.scalars(select(MachineCredential).where(MachineCredential.revoked_at.is_(None)))).all()
    assert left == []

    await look(RIGHTS, replace(around, now_ms=later(0.1)))
    assert await counted(brokered) == before


@pytest.mark.parametrize("change", ["name", "serial"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_company_of_a_customer_s_is_ever_taken_for_one(
    brokered: Platform, around: Surroundings, change: str
) -> None:
    name = "sunsweep doctor & sons" if change == "name" else "sunsweep doctor 0123456789abcdef 1"
    async with brokered.database.write() as session:
        await session.execute(update(Company).where(Company.id == 2).values(name=name))
    login = await brokered.add_machine("SCM-1", company_id=2)
    await look(RIGHTS, replace(around, now_ms=later(1)))
    async with brokered.database.read() as session:
        assert await session.scalar(select(Company.name).where(Company.id == 2)) == name
        named = select(MachineCredential.id).where(MachineCredential.username == login.mqtt_username)
        assert await session.scalar(named) is not None


async def test_a_database_that_goes_meanwhile_is_told(
    brokered: Platform, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise ConnectionResetError("gone")

    monkeypatch.setattr(throwaway, "_delete", away)
    (words,) = told(await look(RIGHTS, around), Level.FAILS)
    assert "could not be taken away: gone" in words


async def test_the_broker_knows_the_backend(brokered: Platform, around: Surroundings) -> None:
    assert levels(await look(BROKER, around)) == {Level.OK}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mqtt_url": "mqtt://127.0.0.1:1"}, "does not answer at mqtt://127.0.0.1:1"),
        ({"mqtt_url": "mqtt://me:not-to-be-seen@127.0.0.1:1"}, "does not answer at 127.0.0.1:1"),
        ({"mqtt_username": "somebody"}, "refused the login of somebody"),
    ],
)
async def test_a_broker_that_does_not_let_us_in(brokered: Platform, change: dict[str, str], words: str) -> None:
    settings = brokered.settings.model_copy(update=change)
    findings = await look(BROKER, surroundings(settings, brokered.database))
    (told_words,) = told(findings, Level.FAILS)
    assert words in told_words
    assert "not-to-be-seen" not in str(findings)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_login_without_rights_is_told(brokered: Platform) -> None:
    await brokered.add_service_account("bare", ("publish", "sunsweep/event/+/+/wake"))
    password = await brokered.add_service_account("bare", ("publish", "sunsweep/event/+/+/wake"))
    update = {"mqtt_username": "bare", "mqtt_password": type(brokered.settings.mqtt_password)(password)}
    settings = brokered.settings.model_copy(update=update)
    findings = await look(BROKER, surroundings(settings, brokered.database))
    assert told(findings, Level.WARNING) == ["bare may not do what any role needs"]
