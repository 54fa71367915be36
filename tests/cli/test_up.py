"""`sunsweep up` from its first start to the next one, as a user meets it."""

import asyncio
import json
import stat
from asyncio.subprocess import PIPE
from pathlib import Path

import mqtt5
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.support.command import Running, Site, said_first_steps, sunsweep
from tests.support.mosquitto import publish, subscriber
from tests.support.platform import eventually


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "Daten für 日本 #1")


async def shell(script: str) -> str:
    process = await asyncio.create_subprocess_exec("bash", "-euc", script, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


def readable_by_others(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077]


async def the_first_command_of_the_banner_works(site: Site, program: Running) -> None:
    answer = json.loads(await shell(said_first_steps(program.out).replace("curl ", "curl -sS ")))
    assert answer["state"] == "queued"

    async def obeyed() -> bool:
        command = await site.get(f"/machines/SUN-0001/commands/{answer['id']}")
        return command["state"] in {"accepted", "running", "succeeded"}

    await eventually(obeyed)


async def every_login_works(site: Site, program: Running) -> None:
    passwords = site.passwords()
    assert set(passwords) == {f"{name}@example.com" for name in ("root", "admin", "operator", "viewer")}
    for email, password in passwords.items():
        assert f"{email:<22} {password}" in program.out
        assert await site.token(email)


async def its_door_leads_to_the_broker(site: Site) -> None:
    login = json.loads((site.data / "simulated-machines.json").read_bytes())[0]
    hello = mqtt5.ConnectPacket("", username=login["mqtt_username"], password=login["mqtt_password"].encode())
    address = site.url.replace("http://", "ws://") + "/mqtt"
    async with connect(address, subprotocols=[Subprotocol("mqtt")], proxy=None) as socket:
        await socket.send(hello.write())
        welcome = await socket.recv()
    assert (welcome[0], welcome[3]) == (0x20, 0)


def no_password_is_in_the_process_list(site: Site) -> None:
    listed = "\n".join(" ".join(process.cmdline()) for process in site.processes())
    logins = json.loads((site.data / "simulated-machines.json").read_bytes())
    secrets = [*site.passwords().values(), *(login["mqtt_password"] for login in logins)]
    secrets += json.loads((site.data / "backend.json").read_bytes()).values()
    assert "sunsweep.sim" in listed
    assert not [secret for secret in secrets if secret in listed and not secret.startswith("mqtt://")]


async def test_the_first_start_and_the_second(site: Site) -> None:
    async with site.up("--machines", "3") as first:
        assert site.url in first.out
        await every_login_works(site, first)
        await its_door_leads_to_the_broker(site)
        frame = await site.first_frame("SUN-0001")
        assert {"battery", "solar_v", "solar_a", "water"} <= set(frame["data"])
        await the_first_command_of_the_banner_works(site, first)
        no_password_is_in_the_process_list(site)
        assert readable_by_others(site.data) == []
        known = site.passwords()
        assert await site.serials() == ["SUN-0001", "SUN-0002", "SUN-0003"]
        assert (await first.told(2)).code == 0
        assert first.err == ""
    await site.nothing_is_left()

    async with site.up("--machines", "5", "--show") as second:
        await second.says("  snapshot ")
        await second.says("  telemetry ", within_s=5)
        assert site.passwords() == known
        assert await site.serials() == [f"SUN-{number:04d}" for number in range(1, 6)]
        await site.first_frame("SUN-0005")
        assert min(row["ts"] for row in await site.history("SUN-0001")) <= frame["ts"]
        assert (await second.told(15, group=True)).code == 0
        assert second.err == ""
    await site.nothing_is_left()


async def test_what_is_killed_beside_it_comes_back_and_data_flow_again(site: Site) -> None:
    async with site.up("--machines", "1") as program:
        await site.first_frame("SUN-0001")
        broker = site.child("mosquitto")
        broker.kill()
        await program.says("mosquitto ended by itself")
        assert (await site.first_frame("SUN-0001"))["type"] == "telemetry"
        site.child("sunsweep.sim").kill()
        await program.says("the simulator has ended; it is started again")
        assert (await site.first_frame("SUN-0001"))["type"] == "telemetry"
        assert (await program.told(2)).code == 0
        assert "Traceback" not in program.err
    await site.nothing_is_left()


async def test_without_machines_it_is_an_empty_platform_that_says_how_to_begin(site: Site) -> None:
    async with site.up("--machines", "0") as program:
        assert await site.serials() == []
        assert "machine add SCM-1 --company 1" in program.out
        (line,) = [line for line in program.out.splitlines() if "machine add" in line]
        said = await shell(line)
        assert "username" in said
        assert await site.serials() == ["SCM-1"]
        second = await sunsweep(*site.words())
        assert second.code == 1
        assert f"already runs on {site.data} (pid {program.process.pid})" in second.err
        await the_credential_works_and_ends_with_the_machine(site)
        await a_lost_password_is_no_lost_login(site)
        assert (await program.told(15)).code == 0
        assert "the broker refused a login from 127.0.0.1" in program.err
        assert "Traceback" not in program.err
    await site.nothing_is_left()


async def the_credential_works_and_ends_with_the_machine(site: Site) -> None:
    login = await site.add_machine("BARE-1")
    assert set(login) == {"machine_id", "company_id", "mqtt_username", "mqtt_password"}
    user, password = login["mqtt_username"], login["mqtt_password"]
    topic = "company/1/machine/BARE-1"
    assert (
        await publish(
            site.mqtt_port, f"{topic}/telemetry", '{"battery":1}', "-q", "1", username=user, password=password
        )
    )[0] == 0
    async with subscriber(site.mqtt_port, f"{topic}/command", username=user, password=password) as machine:
        await site.verb("machine", "disable", "BARE-1")
        # mosquitto_sub connects again by itself, and is then refused.
        async with asyncio.timeout(10):
            assert await machine.process.wait() != 0
    refused = await publish(
        site.mqtt_port, f"{topic}/telemetry", '{"battery":2}', "-q", "1", username=user, password=password
    )
    assert refused[0] != 0
    await site.verb("machine", "enable", "BARE-1")
    assert (
        await publish(
            site.mqtt_port, f"{topic}/telemetry", '{"battery":3}', "-q", "1", username=user, password=password
        )
    )[0] == 0


async def a_lost_password_is_no_lost_login(site: Site) -> None:
    """`user password` also keeps the new one in the folder, where the next start prints it."""
    said = await site.verb("user", "password", "admin@example.com")
    assert said.split() == ["admin@example.com", site.passwords()["admin@example.com"]]
    assert await site.token("admin@example.com")
