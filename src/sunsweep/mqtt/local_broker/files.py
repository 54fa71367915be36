"""The files mosquitto reads: configuration, logins, rules. Only their owner may read them."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sunsweep.mqtt.passwords import mosquitto_line
from sunsweep.mqtt.port import BrokerUser

MAX_PACKET_BYTES: Final = 2 * 1024 * 1024 + 64 * 1024
_CONFIGURATION: Final = """\
listener {port} {host}
{user}
allow_anonymous false
password_file {directory}/passwords
acl_file {directory}/acl

# A machine's clientid is its own affair, and one credential may have several connections.
use_username_as_clientid false
message_size_limit 2097152
max_packet_size {max_packet_bytes}

# Not 0, which disconnects a client at a denied publish, and not the default, which drops.
max_queued_messages 10000000
max_inflight_messages 20000
set_tcp_nodelay true
sys_interval 0

# Saved every 10 s and at the end; at each change would cost a hundred times the speed.
persistence true
persistence_location {directory}/
autosave_interval 10
autosave_on_changes false
persistent_client_expiration 2d

log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
connection_messages true
log_timestamp false
"""


def write_configuration(directory: Path, host: str, port: int) -> Path:
    """Write mosquitto.conf, and make the directory where there is none."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Started as root, mosquitto would become the user `mosquitto`, who may not read what is here.
    user = "user root" if os.geteuid() == 0 else ""
    path = directory / "mosquitto.conf"
    text = _CONFIGURATION.format(
        port=port, host=host, user=user, directory=_one_line(str(directory)), max_packet_bytes=MAX_PACKET_BYTES
    )
    _replace(path, text)
    return path


def write_users(directory: Path, users: Iterable[BrokerUser]) -> None:
    """Write the password and the ACL file. Of two entries for one name the last one counts."""
    by_name = {_name(user.username): user for user in users}
    _replace(directory / "passwords", "".join(f"{mosquitto_line(user)}\n" for user in by_name.values()))
    _replace(directory / "acl", "".join(_rules(user) for user in by_name.values()))


def _rules(user: BrokerUser) -> str:
    lines = [f"user {user.username}", *(f"topic {rule.access} {_one_line(rule.topic_filter)}" for rule in user.rules)]
    return "\n".join(lines) + "\n\n"


def _name(username: str) -> str:
    if not username or ":" in username or username != username.strip():
        raise ValueError(f"no username for mosquitto: {username!r}")
    return _one_line(username)


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"not to be written into a file of lines: {text!r}")
    return text


def _replace(path: Path, text: str) -> None:
    """Write atomically, mode 0600: mosquitto finds the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
