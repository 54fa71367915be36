"""Parts that run beside `sunsweep up`: the ingest as a process of its own, machines of other programs."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.command import Running, Site, running
from tests.support.mosquitto import publish
from tests.support.platform import eventually
from tests.support.ports import free_port

WITHOUT_INGEST = ("--roles", "api,live,dispatch,jobs", "--machines", "0")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "data")


def ingest(site: Site, *more: str) -> Any:
    return running("ingest", "--data", str(site.data), *more)


async def measured(site: Site, login: dict[str, Any], battery: float) -> None:
    """A bare machine's telemetry, taken by the broker."""
    topic = f"company/1/machine/{login['machine_id']}/telemetry"
    who = {"username": login["mqtt_username"], "password": login["mqtt_password"]}
    assert (await publish(site.mqtt_port, topic, json.dumps({"battery": battery}), "-q", "1", **who))[0] == 0


async def in_history(site: Site, serial: str, *batteries: float) -> None:
    async def there() -> bool:
        return {row["battery"] for row in await site.history(serial)} == set(batteries)

    await eventually(there, within_s=30)


async def ends_well(program: Running) -> None:
    ended = await program.told(15)
    assert ended.code == 0
    assert "Traceback" not in ended.err


async def test_what_comes_while_the_ingest_is_away_is_in_history(site: Site) -> None:
    async with site.up(*WITHOUT_INGEST) as up:
        one = await site.add_machine("ONE")
        async with ingest(site) as first:
            await measured(site, one, 1)
            await in_history(site, "ONE", 1)
            async with ingest(site) as beside:
                await beside.says("stands by")
                await ends_well(first)
                await beside.says("a member is taken")
                await ends_well(beside)
        await measured(site, one, 2)
        two = await site.add_machine("TWO")
        await measured(site, two, 3)
        await measured(site, one, 4)
        await ends_well(up)
    async with site.up(*WITHOUT_INGEST) as up:
        three = await site.add_machine("THREE")
        await measured(site, three, 5)
        await measured(site, one, 6)
        async with ingest(site) as second:
            await in_history(site, "ONE", 1, 2, 4, 6)
            await in_history(site, "TWO", 3)
            await in_history(site, "THREE", 5)
            await ends_well(second)
        await ends_well(up)
    await site.nothing_is_left()


async def test_a_lonely_ingest_shows_what_it_counts_and_writes_its_log_for_programs(site: Site) -> None:
    port = free_port()
    async with (
        site.up(*WITHOUT_INGEST) as up,
        ingest(site, "--metrics-port", str(port), "--log-format", "json") as program,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web,
    ):
        await program.says("a member is taken")
        assert "sunsweep_ingest_received_total 0.0" in (await web.get("/metrics")).text
        assert (await web.get("/healthz")).json() == {"status": "ok"}
        assert (await web.get("/")).status_code == 404
        await ends_well(program)
        lines = [json.loads(line) for line in program.err.splitlines()]
        assert {"event": "a member is taken", "member": 0, "level": "info"}.items() <= lines[-1].items()
        assert datetime.fromisoformat(lines[0]["timestamp"]).utcoffset() == timedelta(0)
        await ends_well(up)


async def test_machines_of_other_programs_are_seen_live(site: Site, tmp_path: Path) -> None:
    async with site.up("--machines", "0") as up:
        logins = [await site.add_machine("SIM-1"), await site.add_machine("OWN-1")]
        field = tmp_path / "field.json"
        field.write_text(json.dumps(logins[:1]))
        broker = f"mqtt://127.0.0.1:{site.mqtt_port}"
        async with running(
            "simulate", "--credentials", str(field), "--broker", broker, "--interval", "0.5"
        ) as simulator:
            assert (await site.first_frame("SIM-1"))["data"]["battery"] > 10
            await ends_well(simulator)
        own = tmp_path / "machine.toml"
        own.write_text(
            f'broker = "{broker}"\ncompany_id = 1\nmachine_id = "OWN-1"\ntelemetry_interval_s = 0.5\n'
            f'mqtt_username = "{logins[1]["mqtt_username"]}"\nmqtt_password = "{logins[1]["mqtt_password"]}"\n'
        )
        program = str(Path(sys.executable).with_name("sunsweep-machine"))
        async with running("run", "--config", str(own), program=program) as machine:
            assert (await site.first_frame("OWN-1"))["data"]["battery"] > 10
            await ends_well(machine)
        await ends_well(up)
    await site.nothing_is_left()
