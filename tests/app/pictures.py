"""The pictures of the manual: `python -m tests.app.pictures [FOLDER]`, as `make pictures` does.

A field of twenty simulated machines, and three that are what a morning is about: one with a fault, one whose emergency
stop was pressed, one with a day behind it and a weak battery. It is always morning where the pictures are taken.
"""

import asyncio
import json
import math
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx

from sunsweep.contract.times import iso
from sunsweep.contract.topics import Channel, MachineTopic
from sunsweep.mqtt.client import MqttClient
from sunsweep.mqtt.port import Message, Subscription
from sunsweep.mqtt.settings import ConnectionSettings
from tests.app.browser import chromium, visiting
from tests.app.flutter import Flutter
from tests.support.command import Site

FOLDER: Final = Path(__file__).parent.parent.parent / "docs/pictures"
OPERATOR, ADMIN = "operator@example.com", "admin@example.com"
SIMULATED: Final = 20
FAULTY, STOPPED, TIRED = "SUN-0021", "SUN-0022", "SUN-0023"
DESK: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}
SETTLES_S: Final = 6.0
CLEANS_S: Final = 45.0
"""Until the simulated machines have something to show."""
ZONES: Final = tuple(
    ZoneInfo(name)
    for name in (
        "Europe/Madrid", "Asia/Dubai", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Auckland", "Pacific/Honolulu",
        "America/Phoenix", "America/Santiago", "Atlantic/Azores", "Asia/Bangkok", "Australia/Brisbane",
    )
)  # fmt: skip
"""Sunny places all around the world."""
MORNING_H: Final = 10.5
DAY_S: Final = 86_400
EVERY_S: Final = 300


@dataclass(frozen=True)
class Picture:
    """A page, and the widget by which it is known to be there."""

    name: str
    path: str
    shows: str
    viewport: dict[str, int]
    scheme: str = "light"
    locale: str = "en-GB"
    scroll: int = 0
    """Pixels further down."""


PICTURES: Final = (
    Picture("fleet", "/", f"machine-{FAULTY}", DESK),
    Picture("fleet-dark", "/", f"machine-{FAULTY}", DESK, "dark"),
    Picture("fleet-arabic", "/", f"machine-{FAULTY}", DESK, locale="ar"),
    Picture("machine", f"/machines/{TIRED}", "tile-battery", DESK),
    Picture("history", f"/machines/{TIRED}?span=24h", "history-caption", DESK, scroll=560),
    Picture("commands", "/commands", "page-commands", DESK),
    Picture("fleet-phone", "/", f"machine-{FAULTY}", PHONE),
    Picture("machine-phone", f"/machines/{TIRED}", "tile-battery", PHONE),
)


async def draw(folder: Path) -> None:
    """All of them, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = Site(temporary / "data")
        await stack.enter_async_context(site.up("--machines", str(SIMULATED)))
        await make_a_morning(site, stack)
        await asyncio.sleep(CLEANS_S)
        address = stack.enter_context(chromium(temporary))
        for picture in PICTURES:
            await take(site, address, picture, folder)
            sys.stdout.write(f"{folder / picture.name}.png\n")


async def take(site: Site, address: str, picture: Picture, folder: Path) -> None:
    profile = {"viewport": picture.viewport, "color_scheme": picture.scheme, "locale": picture.locale}
    async with visiting(address, site.url, timezone_id=morning().key, **profile) as visitor:
        answer = await visitor.context.request.post(
            f"{site.url}/api/v1/auth/session",
            form={"username": OPERATOR, "password": site.passwords()[OPERATOR]},
            headers={"x-requested-with": "sunsweep"},
        )
        assert answer.ok, await answer.text()
        page = await visitor.open(f"/app{picture.path}")
        await page.find(picture.shows, within_s=120)
        await asyncio.sleep(SETTLES_S)
        if picture.scroll:
            await _scroll(page, picture)
        await page.page.screenshot(path=folder / f"{picture.name}.png")


async def _scroll(page: Flutter, picture: Picture) -> None:
    await page.page.mouse.move(picture.viewport["width"] / 2, picture.viewport["height"] - 100)
    await page.page.mouse.wheel(0, picture.scroll)
    await asyncio.sleep(SETTLES_S / 2)


# -- what there is to see


def morning() -> ZoneInfo:
    """Where it is about half past ten now."""
    return min(ZONES, key=lambda zone: abs(_hour(time.time(), zone) - MORNING_H))


def _hour(at_s: float, zone: ZoneInfo) -> float:
    there = datetime.fromtimestamp(at_s, zone)
    return there.hour + there.minute / 60


async def make_a_morning(site: Site, stack: AsyncExitStack) -> None:
    bearer = {"authorization": f"Bearer {await site.token(ADMIN)}"}
    client = httpx.AsyncClient(base_url=f"{site.url}/api/v1", headers=bearer, timeout=30)
    api = await stack.enter_async_context(client)
    grid = {machine["machine_id"]: machine for machine in (await _get(api, "/machines?limit=100"))["items"]}
    for column, name in enumerate((FAULTY, STOPPED, TIRED)):
        login = await site.add_machine(name)
        above = grid[f"SUN-{SIMULATED // 2 + 1 + column:04d}"]
        place = {"lat": above["lat"] - 0.00008, "lon": above["lon"], "model": "SCM-2", "tags": ["south"]}
        changed = await api.patch(f"/machines/{name}", json={"name": f"Row {name[-2:]}", **place})
        changed.raise_for_status()
        mqtt = await stack.enter_async_context(_connected(site, login, name))
        await _begin(mqtt, login["company_id"], name)
        stack.callback(asyncio.create_task(_go_on(mqtt, login["company_id"], name)).cancel)
    await asyncio.to_thread(_heard_in_time, site)
    for name, command, params in (
        ("SUN-0004", "start_cleaning", {"speed": 6, "mode": "auto"}),
        ("SUN-0006", "start_cleaning", {"speed": 8, "mode": "auto"}),
        ("SUN-0008", "return_to_dock", {}),
        ("SUN-0010", "stop_cleaning", {}),
        (TIRED, "start_cleaning", {"speed": 5, "mode": "auto"}),
    ):
        given = await api.post(f"/machines/{name}/commands", json={"command": command, "params": params})
        given.raise_for_status()


_STATES: Final = {FAULTY: "Fault", STOPPED: "Emergency stop", TIRED: "Running"}
_DAY: Final = {0: "Docked", 6: "Charging", 8: "Running", 9: "Charging", 12: "Running", 14: "Charging", 19: "Docked"}
"""What a machine does from an hour on."""


async def _begin(mqtt: MqttClient, company_id: int, name: str) -> None:
    """What it has measured and done in the last day, with an hour in which nobody heard it."""
    now, zone, was = int(time.time()), morning(), ""
    seq = 0
    for at in range(now - DAY_S, now, EVERY_S):
        hour = _hour(at, zone)
        if 2 <= hour < 3:
            continue
        does = _DAY[max(start for start in _DAY if start <= hour)]
        said = [(Channel.TELEMETRY, _sample(at, name))]
        said += [(Channel.STATUS, {"status": does})] if does != was else []
        was = does
        for channel, body in said:
            seq += 1
            await _say(mqtt, company_id, name, channel, body | {"ts": iso(at * 1000), "boot": 7, "seq": seq})


async def _go_on(mqtt: MqttClient, company_id: int, name: str) -> None:
    area = 180.0
    while True:
        area += 0.4
        await _say(mqtt, company_id, name, Channel.TELEMETRY, _sample(int(time.time()), name))
        run = {"area": round(area, 1), "energy": 96.5, "water": 21.0} if name == TIRED else {}
        await _say(mqtt, company_id, name, Channel.STATUS, {"status": _STATES[name], **run})
        await asyncio.sleep(2)


def _sample(at_s: int, name: str) -> dict[str, Any]:
    """Sun by day; the battery follows it, and is weak in the morning."""
    hour = _hour(at_s, morning())
    sun = max(0.0, math.sin(math.pi * (hour - 6) / 12))
    waves = math.sin(at_s / 700) * 0.03 + math.sin(at_s / 190) * 0.02
    if 6 <= hour < 11:
        battery = 11.85 + 0.01 * (hour - 6)
    else:
        battery = 11.9 + 1.2 * (hour - 11) / 7 if 11 <= hour < 18 else 13.1 - 0.104 * ((hour - 18) % 24)
    better = {FAULTY: 0.9, STOPPED: 0.6}.get(name, 0.0)
    return {
        "battery": round(battery + better + waves / 2, 2),
        "solar_v": round(max(0.0, 18.5 * min(1.0, sun * 3) + waves), 2),
        "solar_a": round(max(0.0, 4.4 * sun + (better + 3 * waves) * sun), 2),
        "water": round(20 + 60 * better + 60 * (1 - better) * ((11 - hour) % 24) / 24, 1),
        "extra": {"temp": round(14 + 15 * sun + 4 * waves, 1)},
    }


def _heard_in_time(site: Site) -> None:
    """The day was sent just now; all of it but an hour is to be there since it was measured."""
    database = sqlite3.connect(site.data / "sunsweep.db", timeout=30)
    with database:
        early = int(_last(4) * 1000), int(_last(5) * 1000)
        database.execute("UPDATE telemetry SET received_at = ts WHERE boot = 7 AND NOT (ts BETWEEN ? AND ?)", early)
    database.close()


def _last(hour: int) -> float:
    """When it was so late in the day last, in seconds since 1970."""
    now = time.time()
    return now - (_hour(now, morning()) - hour) % 24 * 3600


async def _say(mqtt: MqttClient, company_id: int, name: str, channel: Channel, body: dict[str, Any]) -> None:
    await mqtt.publish(str(MachineTopic(company_id, name, channel)), json.dumps(body).encode(), qos=1)


@asynccontextmanager
async def _connected(site: Site, login: dict[str, Any], name: str) -> AsyncIterator[MqttClient]:
    """It does what it is told, at once."""
    settings = ConnectionSettings(
        host="127.0.0.1", port=site.mqtt_port, username=login["mqtt_username"], password=login["mqtt_password"]
    )
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def take(messages: Sequence[Message]) -> None:
        for message in messages:
            told.put_nowait(json.loads(message.payload))

    orders = str(MachineTopic(login["company_id"], name, Channel.COMMAND))
    client = MqttClient(settings, subscriptions=[Subscription(orders)], on_messages=take)

    async def answer() -> None:
        while True:
            order = await told.get()
            for state in ("accepted", "running", "succeeded"):
                await _say(client, login["company_id"], name, Channel.RESULT, {"id": order["id"], "state": state})
                await asyncio.sleep(1)

    running = [asyncio.create_task(client.run())]
    try:
        async with asyncio.timeout(30):
            await client.wait_connected()
        running.append(asyncio.create_task(answer()))
        yield client
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _get(api: httpx.AsyncClient, path: str) -> Any:
    return (await api.get(path)).raise_for_status().json()


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
