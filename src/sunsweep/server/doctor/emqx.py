"""EMQX's own settings: its defaults lose messages under load, and let everybody do everything."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sunsweep.mqtt.emqx_admin import EmqxAdmin, EmqxError
from sunsweep.server.broker.emqx import emqx_admin
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, Level, fails, ok, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import plural, reason

Tree = Mapping[str, Any]

_FILES: Final = 65_536
_DROPPED: Final = "delivery.dropped.queue_full"
_UNITS: Final = {
    "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
    "kb": 2**10, "mb": 2**20, "gb": 2**30,
}  # fmt: skip
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|kb|mb|gb|s|m|h|d|w)", re.IGNORECASE)


class Want(NamedTuple):
    """A setting as emqx.conf has it; what is lost where it is another."""

    path: str
    right: Callable[[Any], bool]
    level: Level
    loss: str


def amount(value: object) -> float:
    """EMQX's `1d`, `2MB`, `1h30m` or a plain number, in milliseconds or bytes; `infinity` is more than all."""
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip().lower()
    if text in {"infinity", "unlimited"}:
        return float("inf")
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    try:
        return float(text)
    except ValueError:
        return -1.0


def _is(wanted: str) -> Callable[[Any], bool]:
    return lambda value: str(value).lower() == wanted


def _at_least(least: str) -> Callable[[Any], bool]:
    return lambda value: amount(value) >= amount(least)


def _holds(least: int) -> Callable[[Any], bool]:
    """A queue's length; 0 has no bound."""
    return lambda value: amount(value) in (0, float("inf")) or amount(value) >= least


ZONE: Final = (
    Want("mqtt.max_mqueue_len", _holds(100_000), Level.FAILS, "while the ingest is away EMQX drops what it has taken"),
    Want("mqtt.max_inflight", _at_least("1000"), Level.WARNING, "the ingest is given less at once than it can take"),
    Want("mqtt.max_packet_size", _at_least("1MB"), Level.WARNING, "long messages end their machine's connection"),
    Want("mqtt.session_expiry_interval", _at_least("1d"), Level.WARNING, "bare machines' sessions end early"),
    Want("mqtt.mqueue_store_qos0", _is("false"), Level.WARNING, "what is only for whoever listens now fills queues"),
    Want("mqtt.use_username_as_clientid", _is("false"), Level.FAILS, "the backend has one connection of its many"),
    Want(
        "mqtt.shared_subscription_strategy", _is("hash_topic"), Level.WARNING, "a machine's statuses lose their order"
    ),
    Want("force_shutdown.max_mailbox_size", _at_least("100000"), Level.FAILS, "a burst ends the ingest's session"),
    Want("force_shutdown.max_heap_size", _at_least("256MB"), Level.FAILS, "a queue that grows is killed whole"),
    Want("flapping_detect.enable", _is("false"), Level.WARNING, "machines on a bad link are shut out"),
)
AUTHORIZATION: Final = (
    Want("no_match", _is("deny"), Level.FAILS, "machines may do what nobody forbids"),
    Want("deny_action", _is("disconnect"), Level.FAILS, "a machine refused by mistake falls silent for a day, untold"),
    Want("cache.enable", _is("true"), Level.WARNING, "every message is a question to the database"),
    Want("cache.ttl", _at_least("1h"), Level.WARNING, "machines are refused as soon as the database is away"),
)
RETAINER: Final = (
    Want("enable", _is("true"), Level.WARNING, "nothing is retained"),
    Want("backend.storage_type", _is("disc"), Level.WARNING, "what is retained ends with EMQX"),
)


async def _look(around: Surroundings) -> list[Finding]:
    admin = emqx_admin(around.settings)
    if admin is None:
        return [ok("none is named (SUNSWEEP_EMQX_URL); the local broker has no such settings")]
    async with admin:
        try:
            nodes = await admin.read("nodes", list[dict[str, Any]])
        except EmqxError as error:
            remedy = "see whether it runs, and SUNSWEEP_EMQX_URL, _KEY and _SECRET; lost logins stay connected"
            return [fails(reason(error), remedy)]
        return [*_nodes(nodes), *await _settings(admin), *await _use(admin), await _dashboard(admin)]


def _nodes(nodes: list[dict[str, Any]]) -> Iterator[Finding]:
    versions = sorted({str(node.get("version", "?")) for node in nodes})
    yield ok(f"EMQX {', '.join(versions)} answers, {plural(len(nodes), 'node')}")
    for node in nodes:
        name = node.get("node", "?")
        if str(node.get("node_status", "running")).lower() != "running":
            yield fails(f"its node {name} is {node['node_status']}", "see the log of that node")
        if 0 <= amount(node.get("max_fds", _FILES)) < _FILES:
            words = f"its node {name} may open {node['max_fds']} files, and each connection is one"
            yield warning(words, f"raise the limit (ulimit -n) to {_FILES} or more")


async def _settings(admin: EmqxAdmin) -> list[Finding]:
    findings = [
        *differences(await admin.read("configs/global_zone", dict[str, Any]), ZONE, ""),
        *differences(await admin.read("authorization/settings", dict[str, Any]), AUTHORIZATION, "authorization."),
        *differences(await admin.read("mqtt/retainer", dict[str, Any]), RETAINER, "retainer."),
    ]
    return findings or [ok("its limits, rights and cache are as deploy/emqx/emqx.conf sets them")]


def differences(tree: Tree, wants: tuple[Want, ...], prefix: str) -> Iterator[Finding]:
    """What is not as it should be; a setting that this EMQX does not have is passed over."""
    for want in wants:
        value = _at(tree, want.path)
        if value is not None and not want.right(value):
            remedy = "take it from deploy/emqx/emqx.conf, and out of what the dashboard has changed"
            yield Finding(want.level, f"{prefix}{want.path} is {value}: {want.loss}", remedy)


def _at(tree: Tree, path: str) -> Any:
    value: Any = tree
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


async def _use(admin: EmqxAdmin) -> list[Finding]:
    findings = []
    for listener in await admin.read("listeners", list[dict[str, Any]]):
        running = str(_at(listener, "status.running")).lower()
        if str(listener.get("enable", "true")).lower() == "true" and running in {"false", "inconsistent"}:
            words = f"its listener {listener.get('id')} on {listener.get('bind')} does not run everywhere"
            findings.append(fails(words, "see EMQX's log: the port may be taken, a certificate missing"))
    metrics = await admin.read("metrics", dict[str, Any], aggregate="true")
    if dropped := int(metrics.get(_DROPPED, 0)):
        words = f"it has dropped {plural(dropped, 'message')} since its start, because a queue was full ({_DROPPED})"
        findings.append(warning(words, "let the ingest run without a break, or give it more members"))
    return findings


async def _dashboard(admin: EmqxAdmin) -> Finding:
    if await admin.lets_in("admin", "public"):
        words = "its dashboard lets `admin` in with the password that everybody knows"
        return fails(words, "change it there; MQTT_PASSWORD counts at the first start only")
    return ok("its dashboard does not know the public password")


EMQX: Final = Check(
    "emqx", "Limits, rights, cache and listeners of EMQX; messages it dropped; its dashboard", _look, 40.0
)
