"""The broker, met as the backend meets it."""

import secrets
from typing import Final

from sunsweep.mqtt.port import MqttError, NotConnectedError, RefusedError
from sunsweep.server.broker.accounts import rules_held
from sunsweep.server.broker.rules import ROLE_RULES
from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.doctor import peer
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import reason


async def _look(around: Surroundings) -> list[Finding]:
    settings = around.settings
    name, url = settings.mqtt_username, settings.mqtt_url.rpartition("@")[2]
    try:
        login = peer.as_(
            peer.address(settings), name, settings.mqtt_password.get_secret_value(), f"doctor-{secrets.token_hex(4)}"
        )
        async with peer.connected(login):
            findings = [ok(f"it lets {name} in")]
    except RefusedError as error:
        words = f"it answers, and {reason(error)}"
        return [fails(words, f"`sunsweep account set {name}`; its password into SUNSWEEP_MQTT_PASSWORD")]
    except (OSError, NotConnectedError) as error:
        words = f"it does not answer at {url}: {reason(error)}"
        return [fails(words, "see whether it runs, and what SUNSWEEP_MQTT_URL says")]
    except MqttError as error:
        return [fails(f"it answers, and {reason(error)}", "see the broker's log")]
    return [*findings, *await _rights_of(around, name)]


async def _rights_of(around: Surroundings, name: str) -> list[Finding]:
    """What the login may do, by the database's word; the broker's own word is `rights`."""
    try:
        async with around.database.read() as session:
            held = await rules_held(session, name)
    except DATABASE_AWAY:
        return []
    lacking = [role for role, rules in ROLE_RULES.items() if not set(rules) <= held]
    if not lacking:
        return [ok(f"{name} may do what every role needs")]
    if len(lacking) < len(ROLE_RULES):
        roles = ", ".join(role for role in ROLE_RULES if role not in lacking)
        return [ok(f"{name} may do what {roles} needs; other roles have other logins")]
    words = f"{name} may not do what any role needs"
    return [warning(words, f"`sunsweep account set {name} --role …`")]


BROKER: Final = Check("broker", "It answers, and knows the backend's login; what that login may do", _look)
