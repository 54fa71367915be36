"""What the server shows once: a code, or a login at the broker. It is in memory only, and goes with the login."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sunsweep.app.net.server_clock import read_ms


@dataclass(frozen=True, slots=True)
class OneTime:
    """Of one machine; empty where it was not asked for. Times are the server's, in ms."""

    since_ms: int
    """When it was first shown: what the machine does from then on is the answer to it."""
    code: str = ""
    code_expires_ms: int = 0
    mqtt_username: str = ""
    mqtt_password: str = ""
    company_id: int = 0
    brokers: tuple[str, ...] = ()

    def with_code(self, issued: Mapping[str, Any]) -> "OneTime":
        """With the answer of `POST …/enrolment-code`."""
        return replace(self, code=issued["code"], code_expires_ms=read_ms(issued["expires_at"]) or 0)

    def with_login(self, login: Mapping[str, Any]) -> "OneTime":
        """With the login of a new machine, or of `POST …/credentials`."""
        return replace(
            self,
            mqtt_username=login["mqtt_username"],
            mqtt_password=login["mqtt_password"],
            company_id=login["company_id"],
            brokers=tuple(login["brokers"]),
        )
