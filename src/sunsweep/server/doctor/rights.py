"""What machines may do at the broker, tried by machines that are nobody's, on topics that no backend listens to."""

import secrets
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from sunsweep.contract.topics import (
    BEYOND_A_MACHINE,
    Channel,
    Event,
    EventTopic,
    MachineTopic,
    machine_rule,
    probe_topic,
)
from sunsweep.mqtt.port import MqttError
from sunsweep.mqtt.settings import ConnectionSettings
from sunsweep.server.doctor import peer
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, Level, fails, ok
from sunsweep.server.doctor.following import has_followed
from sunsweep.server.doctor.peer import Peer, as_, connected, is_let_in
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.throwaway import LeftBehindError, Trio, throwaway_machines
from sunsweep.server.doctor.words import reason
from sunsweep.server.features.machines.service import Login

_CLOSE: Final = (
    "stop letting machines in until the broker's rules are right (deploy/emqx/emqx.conf, its `authorization`)"
)


class _Trial(NamedTuple):
    """A broker and three machines that it should know."""

    where: ConnectionSettings
    machines: Trio
    has_clientid_rules: bool

    def login(self, machine: Login, *, client_id: str = "") -> ConnectionSettings:
        name = machine.mqtt_username
        return as_(self.where, name, machine.mqtt_password, client_id or name)


async def _look(around: Surroundings) -> list[Finding]:
    try:
        async with throwaway_machines(around) as machines:
            await has_followed(around)
            trial = _Trial(peer.address(around.settings), machines, around.settings.emqx_url is not None)
            try:
                return [finding async for finding in _tried(trial)]
            except (MqttError, OSError) as error:
                words = f"they could not be tried: {reason(error)}"
                return [fails(words, "see `broker` here")]
    except LeftBehindError as error:
        words = f"the machines made for this could not be taken away: {error}"
        return [fails(words, "run the doctor again in ten minutes: it takes them away first")]


async def _tried(trial: _Trial) -> AsyncIterator[Finding]:
    for finding in (own := await _own(trial)):
        yield finding
    if any(finding.level is not Level.OK for finding in own):
        return
    open_doors = [*await _strangers(trial), *await _foreign(trial)]
    for finding in open_doors:
        yield finding
    if not open_doors:
        yield ok("what is other machines', other companies' and the backend's is closed to a machine")
        yield ok("who has no login, or not the right password, stays outside")


async def _own(trial: _Trial) -> list[Finding]:
    """What a machine must be let."""
    one = trial.machines.one
    if not await is_let_in(trial.login(one)):
        words = "the broker does not know a machine that was just added: no machine that is new gets in"
        return [fails(words, "see `logins` here; with EMQX its `authentication`, and its log")]
    async with connected(trial.login(one)) as machine:
        command = str(MachineTopic(one.company_id, one.machine_id, Channel.COMMAND))
        if not await machine.may_listen(command):
            return [fails("a machine may not listen to its own commands", "see the broker's rules and its log")]
        if not await _comes_back(machine, _probe(one)):
            return [fails("what a machine says on its own topics does not arrive", "see the broker's rules")]
    return [ok("a machine that was just added gets in, listens to its commands, and is heard")]


async def _strangers(trial: _Trial) -> list[Finding]:
    one, sibling = trial.machines.one, trial.machines.sibling
    findings = []
    if await is_let_in(as_(trial.where, None, None, f"doctor-{secrets.token_hex(4)}")):
        findings.append(fails("who has no login is let in", "no anonymous access: `allow_anonymous`, `enable_authn`"))
    if await is_let_in(as_(trial.where, one.mqtt_username, f"not-{one.mqtt_password}", one.mqtt_username)):
        findings.append(fails("a wrong password is let in", _CLOSE))
    # mosquitto cannot refuse a clientid.
    if trial.has_clientid_rules and await is_let_in(trial.login(one, client_id=sibling.mqtt_username)):
        words = "a machine may take another machine's clientid, and with it its session"
        findings.append(fails(words, "take `authentication` from deploy/emqx/emqx.conf"))
    return findings


async def _foreign(trial: _Trial) -> list[Finding]:
    """What a machine must not be let. Each try has a connection of its own: EMQX ends it."""
    one, sibling, stranger = trial.machines
    findings = []
    for whose, other in (("another machine's topics", sibling), ("another company's topics", stranger)):
        async with connected(trial.login(other)) as owner:
            if await _arrives(trial, owner, other):
                findings.append(fails(f"a machine may speak on {whose}", _CLOSE))
            for topic_filter in (_probe(other), machine_rule(other.company_id, other.machine_id)):
                if await _overhears(trial, owner, other, topic_filter):
                    findings.append(fails(f"a machine may listen to {whose} ({topic_filter})", _CLOSE))
                    break
    async with connected(trial.login(stranger)) as owner:
        findings += [
            fails(f"a machine may listen to {topic_filter}: to every company's machines", _CLOSE)
            for topic_filter in BEYOND_A_MACHINE
            if await _overhears(trial, owner, stranger, topic_filter)
        ]
    async with connected(trial.login(one)) as machine:
        # Of a machine that has no commands: should it be taken, nobody does anything about it.
        if await machine.may_say(str(EventTopic(sibling.company_id, sibling.machine_id, Event.WAKE)), b"{}"):
            findings.append(fails("a machine may speak as the backend (sunsweep/event/…)", _CLOSE))
    return findings


async def _arrives(trial: _Trial, owner: Peer, other: Login) -> bool:
    """Whether the owner hears on its topic what a machine says there that may not. Its own word comes after that."""
    topic, words = _probe(other), _nonce()
    await owner.may_listen(topic)
    async with connected(trial.login(trial.machines.one)) as machine:
        await machine.may_say(topic, words)
    await _comes_back(owner, topic)
    return owner.has_heard(topic, words)


async def _overhears(trial: _Trial, owner: Peer, other: Login, topic_filter: str) -> bool:
    """Whether a machine that listens there is handed what the owner says; that it may listen is no proof."""
    topic, words = _probe(other), _nonce()
    async with connected(trial.login(trial.machines.one)) as machine:
        if not await machine.may_listen(topic_filter):
            return False
        await owner.may_say(topic, words)
        # Its own word comes after the owner's: brokers keep the order.
        await _comes_back(machine, _probe(trial.machines.one))
        return machine.has_heard(topic, words)


async def _comes_back(machine: Peer, topic: str) -> bool:
    """Whether a machine hears what it says itself."""
    words = _nonce()
    return await machine.may_listen(topic) and await machine.may_say(topic, words) and await machine.hears(topic, words)


def _probe(machine: Login) -> str:
    return probe_topic(machine.company_id, machine.machine_id)


def _nonce() -> bytes:
    return secrets.token_hex(8).encode()


RIGHTS: Final = Check(
    "rights",
    "Three throwaway machines try each other's topics, `company/+/#` and wrong passwords, and must be refused",
    _look,
    90.0,
)
