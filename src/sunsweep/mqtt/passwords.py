"""Machine passwords and their hashes: one hash serves EMQX and mosquitto."""

import base64
import hashlib
import secrets
import string
from typing import Final

from sunsweep.mqtt.port import BrokerUser

ITERATIONS: Final = 1
"""What protects a password that people choose is many iterations; these are drawn from at least 128 random bits and
cannot be guessed. And it matters: at each SIGHUP mosquitto verifies every connected client anew; 5,000 of them freeze
it for 5.0 s at 1000 iterations and for 0.19 s at one.
"""
_HASH_BYTES: Final = 64
_PASSWORD_BYTES: Final = 24
_SALT_CHARS: Final = 12


def generate_password() -> str:
    """192 random bits, safe in URLs and shells: it never begins with a dash, which would read as an option."""
    while True:
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        if not password.startswith("-"):
            return password


def generate_salt() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_SALT_CHARS))


def hash_password(password: str, salt: str) -> str:
    """PBKDF2-HMAC-SHA512 as lower-case hex, the form EMQX reads from the database."""
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt.encode("ascii"), ITERATIONS, _HASH_BYTES).hex()


def mosquitto_line(user: BrokerUser) -> str:
    """The same as mosquitto reads it from its password file."""
    salt = base64.b64encode(user.salt.encode("ascii")).decode()
    digest = base64.b64encode(bytes.fromhex(user.password_hash)).decode()
    return f"{user.username}:$7${ITERATIONS}${salt}${digest}"
