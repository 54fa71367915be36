"""What each role of the backend does at the broker: these topics, and no other."""

from collections.abc import Iterable
from typing import Final

from sunsweep.contract.topics import ALL_EVENTS, CONNECTED, FROM_MACHINE, Channel, Event, all_events, all_machines
from sunsweep.server.settings import Role

Rules = tuple[tuple[str, str], ...]
"""(action, topic filter). EMQX asks about `$share/ingest/…` as about what is shared, so that needs no rule."""

_READS_MACHINES: Final[Rules] = tuple(("subscribe", all_machines(channel)) for channel in FROM_MACHINE)


def _tells(*events: Event) -> Rules:
    return tuple(("publish", all_events(event)) for event in events)


ROLE_RULES: Final[dict[Role, Rules]] = {
    Role.API: _tells(Event.WAKE, Event.COMMAND_STATE, Event.PRESENCE),
    Role.LIVE: (*_READS_MACHINES, ("subscribe", ALL_EVENTS)),
    Role.INGEST: (
        *_READS_MACHINES,
        ("publish", all_machines(Channel.RECEIPT)),
        *_tells(Event.PRESENCE, Event.COMMAND_STATE),
    ),
    Role.DISPATCH: (
        ("subscribe", all_machines(Channel.STATUS)),
        ("subscribe", all_machines(Channel.RESULT)),
        ("subscribe", all_events(Event.WAKE)),
        ("publish", all_machines(Channel.COMMAND)),
        *_tells(Event.COMMAND, Event.COMMAND_STATE),
    ),
    Role.JOBS: (("subscribe", CONNECTED), *_tells(Event.PRESENCE, Event.COMMAND_STATE)),
}


def rules_of(roles: Iterable[Role]) -> Rules:
    """What one login needs that is several of them, each rule once."""
    return tuple(dict.fromkeys(rule for role in roles for rule in ROLE_RULES[role]))


BACKEND_RULES: Final = rules_of(Role)
