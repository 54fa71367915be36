"""Whatever comes in: stored or a dead letter, and the good messages around it stored once."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select

from sunsweep.contract.codec import decode_receipt
from sunsweep.contract.limits import MAX_NESTING, MAX_PAYLOAD_BYTES
from sunsweep.mqtt.port import Message
from sunsweep.server import metrics
from sunsweep.server.db.models import TelemetryRow
from tests.support.platform import Platform, eventually, topic

DAY_S = 86_400
BOOT = 77


def at(offset_s: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=offset_s)).isoformat(timespec="milliseconds")


def padded(size: int) -> bytes:
    frame = len(b'{"note":""}')
    return b'{"note":"%b"}' % (b"x" * (size - frame))


def nested(depth: int) -> bytes:
    return b'{"deep":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


class Bad(NamedTuple):
    payload: bytes
    reason: str
    numbered: int | None = None


class Good(NamedTuple):
    payload: bytes
    extra: dict[str, Any] | None
    flagged: bool = False


def bad_payloads() -> list[Bad]:
    def numbered(seq: int, ts: str | None) -> bytes:
        return json.dumps({"battery": 1, "ts": ts, "boot": BOOT, "seq": seq}).encode()

    return [
        Bad(b"not json", "not_json"),
        Bad(b"", "not_json"),
        Bad(b"\xff\xfe\x00", "not_json"),
        Bad(b'{"battery":13.5', "not_json"),
        Bad(b"[1,2]", "not_object"),
        Bad(b"13.5", "not_object"),
        Bad(b"null", "not_object"),
        Bad(b'{"battery":NaN}', "not_json"),
        Bad(b'{"battery":Infinity}', "not_json"),
        Bad(b'{"battery":1e999}', "not_json"),
        Bad(b'{"extra":{"x":-1e999}}', "not_json"),
        Bad(b'{"note":"\\ud800"}', "not_json"),
        Bad(b'{"\\udc00":1}', "not_json"),
        Bad(nested(MAX_NESTING + 1), "not_json"),
        Bad(nested(20_000), "not_json"),
        Bad(padded(MAX_PAYLOAD_BYTES + 1), "too_large"),
        Bad(bytes(2**20), "too_large"),
        Bad(b"\\'\"" * 2**19, "too_large"),
        Bad(numbered(1, None), "numbered_without_ts", 1),
        Bad(numbered(2, "yesterday"), "numbered_without_ts", 2),
        Bad(numbered(4, at(330)), "clock_ahead", 4),
        Bad(numbered(5, at(330)), "clock_ahead", 5),
        Bad(numbered(6, at(-91 * DAY_S)), "too_late", 6),
        Bad(numbered(9, "0001-01-01T00:00:00+23:59"), "too_late", 9),
    ]


def good_payloads() -> list[Good]:
    foreign = {"note": "غبار 🌵 \x00 ' \" \\ %s ?", "مفتاح \x00'\"\\": "`--; DROP TABLE machine"}
    mistyped = {"battery": "13.5", "solar_v": [1], "water": True, "solar_a": {"x": 1}}
    return [
        Good(b"{}", None),
        Good(b'{"battery":null,"solar_v":null,"extra":null,"ts":null,"boot":null}', None),
        Good(json.dumps(mistyped).encode(), mistyped, flagged=True),
        Good(b'{"extra":"text"}', {"extra": "text"}, flagged=True),
        Good(b'{"temp":32.5,"vibration":0.01}', {"temp": 32.5, "vibration": 0.01}),
        Good(json.dumps(foreign).encode(), foreign),
        Good(json.dumps(foreign, ensure_ascii=False).replace("\x00", "\\u0000").encode(), foreign),
        Good(b'{"counter":%d,"minus":%d}' % (2**80, -(2**80)), {"counter": 2**80, "minus": -(2**80)}),
        Good(b'{"temp":1,"temp":2}', {"temp": 2}),
        Good(nested(MAX_NESTING), json.loads(nested(MAX_NESTING))),
        Good(padded(MAX_PAYLOAD_BYTES), json.loads(padded(MAX_PAYLOAD_BYTES))),
        Good(b'{"battery":1e308,"solar_v":-0.0,"seq":5}', {"seq": 5}),
        Good(b'{"ts":"%b"}' % at(290).encode(), None),
    ]


STRAYS = {
    "company/1/machine/NOBODY/telemetry": "unknown_machine",
    "company/1/machine/matrix/telemetry": "unknown_machine",
    "company/2/machine/MATRIX/telemetry": "wrong_company",
    "company/999999999999999999/machine/MATRIX/status": "wrong_company",
    "company/0/machine/MATRIX/telemetry": "bad_topic",
    "company/01/machine/MATRIX/telemetry": "bad_topic",
    "company/abc/machine/MATRIX/telemetry": "bad_topic",
    f"company/{'9' * 400}/machine/MATRIX/telemetry": "bad_topic",
    "company/1/machine//telemetry": "bad_topic",
    "company//machine/MATRIX/result": "bad_topic",
    "company/1/machine/MATRIX /telemetry": "bad_topic",
    "company/1/machine/$SYS/telemetry": "bad_topic",
    "company/1/machine/%/telemetry": "bad_topic",
    "company/1/machine/صحراء/telemetry": "bad_topic",
    f"company/1/machine/{'A' * 65}/telemetry": "bad_topic",
    f"company/1/machine/{'🌵' * 1000}/telemetry": "bad_topic",
}


async def test_each_ends_as_it_should_and_the_good_ones_around_it_are_stored_once(platform: Platform) -> None:
    login = await platform.add_machine("MATRIX")
    password = await platform.add_service_account("feeder", ("publish", "company/#"))
    samples, receipts = topic(login, "telemetry"), topic(login, "receipt")
    told: list[Message] = []
    mistyped_before = metrics.MISTYPED._value.get()
    await platform.stop_backend()
    async with (
        platform.mqtt(login.mqtt_username, login.mqtt_password, receipts, on_messages=told.extend),
        platform.mqtt("feeder", password) as feeder,
    ):
        number = 100
        for bad in bad_payloads():
            await feeder.publish(samples, bad.payload, qos=1)
            await feeder.publish(samples, numbered(number := number + 1), qos=1)
        for good in good_payloads():
            await feeder.publish(samples, good.payload, qos=1)
        for stray in STRAYS:
            await feeder.publish(stray, b'{"battery":66}', qos=1)
            await feeder.publish(samples, numbered(number := number + 1), qos=1)
        await platform.start_backend()
        rows = await eventually(lambda: stored(platform, number - 100 + len(good_payloads())))
        await check_dead_letters(platform, samples)
        await eventually(lambda: receipted(told, {(101, number)}))

        # Everything was acknowledged: nothing comes again.
        await platform.stop_backend()
        await platform.start_backend()
        await feeder.publish(samples, numbered(number + 1), qos=1)
        assert len(await eventually(lambda: stored(platform, len(rows) + 1))) == len(rows) + 1

    assert sorted(row.seq for row in rows if row.boot) == list(range(101, number + 1))
    check_good(sorted((row for row in rows if not row.boot), key=lambda row: row.seq))
    assert metrics.MISTYPED._value.get() - mistyped_before == 5
    refused = {tuple(run) for message in told for run in decode_receipt(message.payload).rejected}
    assert refused == {
        *((1, 2, "numbered_without_ts"), (4, 5, "clock_ahead"), (6, 6, "too_late"), (9, 9, "too_late")),
    }


async def test_much_garbage_at_once_blocks_nobody(platform: Platform) -> None:
    """More than MariaDB takes in one packet (16 MiB)."""
    login = await platform.add_machine("MATRIX")
    password = await platform.add_service_account("feeder", ("publish", "company/#"))
    await platform.stop_backend()
    async with platform.mqtt("feeder", password) as feeder:
        for seq in range(1, 21):
            await feeder.publish(topic(login, "telemetry"), bytes(2**20), qos=1)
            await feeder.publish(topic(login, "telemetry"), numbered(seq), qos=1)
    await platform.start_backend()
    await eventually(lambda: stored(platform, 20))
    assert len(await letters(platform, "admin@example.com")) == 20


def numbered(seq: int) -> bytes:
    return json.dumps({"battery": 12.5, "ts": at(0), "boot": BOOT, "seq": seq}).encode()


def check_good(rows: list[TelemetryRow]) -> None:
    for row, good in zip(rows, good_payloads(), strict=True):
        assert (json.loads(row.extra) if row.extra else None, bool(row.flags)) == (good.extra, good.flagged)
    assert [(row.battery, row.solar_v) for row in rows[2:3]] == [(None, None)]
    assert (rows[-2].battery, rows[-2].solar_v) == (1e308, 0.0)


async def check_dead_letters(platform: Platform, samples: str) -> None:
    mine = await letters(platform, "admin@example.com")
    assert [(one["topic"], one["reason"], b64decode(one["payload_base64"])) for one in mine] == [
        (samples, bad.reason, again.payload) for bad, again in zip(bad_payloads(), mine_as_sent(mine), strict=True)
    ]
    nobodys = await letters(platform, "root@example.com")
    assert {one["topic"]: one["reason"] for one in nobodys} == {name[:512]: word for name, word in STRAYS.items()}
    assert all(b64decode(one["payload_base64"]) == b'{"battery":66}' and one["received_at"] for one in nobodys)
    others = await platform.get("/dead-letters", as_="root@example.com", params={"company_id": 2})
    assert others["items"] == []


def mine_as_sent(mine: list[dict[str, Any]]) -> list[Bad]:
    """The bad payloads, those with a time in them as they came."""
    return [
        bad if bad.numbered is None else bad._replace(payload=b64decode(letter["payload_base64"]))
        for bad, letter in zip(bad_payloads(), mine, strict=True)
    ]


async def letters(platform: Platform, as_: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found: list[dict[str, Any]] = (await platform.get("/dead-letters", as_=as_, params={"limit": 500}))["items"]
    return found[::-1]


async def stored(platform: Platform, wanted: int) -> list[TelemetryRow]:
    async with platform.database.read() as session:
        rows = list((await session.scalars(select(TelemetryRow))).all())
    return rows if len(rows) >= wanted else []


async def receipted(told: list[Message], wanted: set[tuple[int, int]]) -> bool:
    return wanted <= {run for message in told for run in decode_receipt(message.payload).stored}
