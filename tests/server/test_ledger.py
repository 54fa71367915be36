"""The ledger of a machine, from its messages on the wire to REST."""

import asyncio
import json
from random import Random
from typing import Any

import pytest

from sunsweep.contract.times import iso
from sunsweep.server.clock import wall_clock
from sunsweep.server.features.ledger import endpoints
from sunsweep.server.features.ledger.fold import fold_day
from sunsweep.server.features.ledger.repository import DAY_MS
from sunsweep.server.features.machines import repository as machines
from tests.support.platform import Platform, eventually, topic

pytestmark = pytest.mark.asyncio(loop_scope="module")

Message = tuple[str, dict[str, Any]]
"""(channel, payload)."""

PARTS = ("stored", "rejected", "given_up", "not_yet_arrived")


def sample(boot: int, seq: int, *, ago_ms: int = 0) -> Message:
    return "telemetry", {"battery": 13.0, "ts": iso(wall_clock() - ago_ms), "boot": boot, "seq": seq}


def refused(boot: int, seq: int) -> Message:
    """Its clock is an hour ahead."""
    return sample(boot, seq, ago_ms=-3_600_000)


def status(boot: int, seq: int, **account: Any) -> Message:
    return "status", {"status": "Idle", "ts": iso(wall_clock()), "boot": boot, "seq": seq, "account": account}


def result(boot: int, seq: int) -> Message:
    command = {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "state": "running"}
    return "result", command | {"ts": iso(wall_clock()), "boot": boot, "seq": seq}


async def sent(platform: Platform, serial: str, *messages: Message) -> None:
    """A machine publishes; the broker has acknowledged all of it."""
    login = await platform.add_machine(serial)
    async with platform.mqtt(login.mqtt_username, login.mqtt_password, on_messages=lambda _: None) as client:
        await asyncio.gather(
            *(client.publish(topic(login, channel), json.dumps(body).encode(), qos=1) for channel, body in messages)
        )


async def ledger(platform: Platform, serial: str, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = await platform.get(f"/machines/{serial}/ledger", as_="viewer@example.com", params=query)
    return found


async def ledger_with(platform: Platform, serial: str, arrived: int) -> dict[str, Any]:
    """The ledger as soon as so many messages are in it."""

    async def there() -> dict[str, Any] | None:
        found = await ledger(platform, serial)
        came = sum(boot["stored"]["count"] + boot["rejected"]["count"] for boot in found["items"])
        return found if came + found["unnumbered"] >= arrived else None

    found: dict[str, Any] = await eventually(there)
    return found


def counts(boot: dict[str, Any]) -> tuple[int, ...]:
    return tuple(boot[part]["count"] for part in PARTS)


async def internal_id(platform: Platform, serial: str) -> int:
    async with platform.database.read() as session:
        found = await machines.machine(session, 1, serial)
    assert found is not None
    return found.id


async def test_every_number_is_somewhere(shared: Platform) -> None:
    messages = [
        *(sample(7, seq) for seq in range(1, 21) if seq not in (4, 5, 6, 11, 15)),
        refused(7, 11),
        status(7, 21, lost=[[7, 4, 5], [7, 1, 2], [7, 11, 11], [8, 1, 3]], ended=[[8, 6]]),
        sample(8, 4), result(8, 5),
        *(("telemetry", {"battery": 12.0}) for _ in range(3)),
    ]  # fmt: skip
    again = messages[:10]
    shuffled = messages + again
    Random(11).shuffle(shuffled)
    await sent(shared, "WHERE-1", *shuffled)
    found = await ledger_with(shared, "WHERE-1", arrived=22)
    first, second = sorted(found["items"], key=lambda boot: boot["boot"])
    today = iso(wall_clock())[:10]
    assert first == {
        "boot": 7, "last": 21, "ended": False, "complete": False,
        "stored": {"count": 16, "ranges": [[1, 3], [7, 10], [12, 14], [16, 21]], "truncated": False},
        "rejected": {"count": 1, "ranges": [[11, 11, "clock_ahead"]], "truncated": False},
        "given_up": {"count": 2, "ranges": [[4, 5]], "truncated": False},
        "not_yet_arrived": {"count": 2, "ranges": [[6, 6], [15, 15]], "truncated": False},
        "first_day": today, "last_day": today,
    }  # fmt: skip
    assert (second["boot"], second["last"], second["ended"], second["complete"]) == (8, 6, True, False)
    assert [second[part]["ranges"] for part in PARTS] == [[[4, 5]], [], [[1, 3]], [[6, 6]]]
    assert (found["unnumbered"], found["next_cursor"], found["machine_id"]) == (3, None, "WHERE-1")


async def test_what_arrives_late_is_no_longer_given_up_nor_rejected(shared: Platform) -> None:
    messages = [refused(7, 1), sample(7, 1), sample(7, 2), status(7, 3, lost=[[7, 1, 2]], ended=[])]
    await sent(shared, "LATE-1", *messages)
    (boot,) = (await ledger_with(shared, "LATE-1", arrived=3))["items"]
    assert (counts(boot), boot["complete"]) == ((3, 0, 0, 0), True)


async def test_an_end_before_what_has_come_is_none(shared: Platform) -> None:
    told = status(8, 1, lost=[], ended=[[7, 2]])
    await sent(shared, "OLDER-1", sample(7, 1), sample(7, 2), sample(7, 4), told)
    found = (await ledger_with(shared, "OLDER-1", arrived=4))["items"]
    (boot,) = [boot for boot in found if boot["boot"] == 7]
    assert (boot["last"], boot["ended"], counts(boot)) == (4, False, (3, 0, 0, 1))


async def test_it_stays_the_same_when_the_day_is_counted(shared: Platform) -> None:
    yesterday = wall_clock() // DAY_MS * DAY_MS - DAY_MS
    at = wall_clock() - yesterday - 3_600_000
    await sent(shared, "FOLD-1", *(sample(7, seq, ago_ms=at) for seq in (1, 2, 4)), sample(7, 6), refused(7, 3))
    before = (await ledger_with(shared, "FOLD-1", arrived=5))["items"]
    async with shared.database.transaction() as connection:
        for day in (yesterday, yesterday + DAY_MS):
            await fold_day(connection, [await internal_id(shared, "FOLD-1")], day, now_ms=wall_clock())
    after = (await ledger(shared, "FOLD-1"))["items"]
    assert after == before
    assert (before[0]["first_day"], counts(before[0])) == (iso(yesterday)[:10], (4, 1, 0, 1))


async def test_the_newest_boot_comes_first_in_pages_and_alone(shared: Platform) -> None:
    numbers = [900, 17, 500, 3, 44]
    messages = [sample(boot, 1, ago_ms=(len(numbers) - at) * 1000) for at, boot in enumerate(numbers)]
    await sent(shared, "BOOTS-1", *messages, status(44, 2, lost=[], ended=[[12345, 9]]))
    newest_first = [*reversed(numbers), 12345]
    assert [boot["boot"] for boot in (await ledger_with(shared, "BOOTS-1", arrived=6))["items"]] == newest_first
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        found = await ledger(shared, "BOOTS-1", cursor=cursor, limit=4)
        seen += [boot["boot"] for boot in found["items"]]
        cursor = found["next_cursor"]
    assert seen == newest_first
    assert [boot["boot"] for boot in (await ledger(shared, "BOOTS-1", boot=500))["items"]] == [500]
    (told,) = (await ledger(shared, "BOOTS-1", boot=12345))["items"]
    assert (counts(told), told["first_day"], told["last_day"]) == ((0, 0, 0, 9), None, None)
    assert (await ledger(shared, "BOOTS-1", boot=1))["items"] == []


async def test_a_list_of_ranges_is_bounded_and_its_count_is_not(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MAX_RANGES", 3)
    await sent(shared, "GAPS-1", *(sample(7, seq) for seq in range(2, 11, 2)))
    (boot,) = (await ledger_with(shared, "GAPS-1", arrived=5))["items"]
    assert boot["stored"] == {"count": 5, "ranges": [[2, 2], [4, 4], [6, 6]], "truncated": True}
    assert boot["not_yet_arrived"]["truncated"]
    assert not boot["given_up"]["truncated"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cursor", "x"),
        ("cursor", "1"),
        ("cursor", "1.2.3"),
        ("cursor", "١.٢"),
        ("limit", 0),
        ("limit", 101),
        ("boot", 0),
    ],
)
async def test_what_is_wrong_is_named(shared: Platform, field: str, value: Any) -> None:
    if (await shared.call("GET", "/machines/WRONG-1")).status_code == 404:
        await shared.add_machine("WRONG-1")
    answer = await shared.call("GET", "/machines/WRONG-1/ledger", params={field: value})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_a_machine_that_was_never_heard_has_an_empty_ledger(shared: Platform) -> None:
    await shared.add_machine("SILENT-1")
    found = await ledger(shared, "SILENT-1")
    assert (found["items"], found["unnumbered"], found["next_cursor"]) == ([], 0, None)
