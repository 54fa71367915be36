"""What EMQX 5.3 does with emqx.conf: logins and rights, asked of a real database with the file's own statements.

Written after EMQX's source: `${placeholders}` become `?` of one prepared statement, in their order; the first row of a
login counts; rules are tried in their order, and a subscription is compared like a topic, wildcards included.
"""

import hashlib
import hmac
import re
from pathlib import Path
from typing import Any, Final, Self

import asyncmy
import hocon

CONF: Final = Path(__file__).parents[2] / "deploy" / "emqx" / "emqx.conf"
GRANTS: Final = CONF.with_name("grants.sql")
USER: Final = "sunsweep_mqtt"
PASSWORD: Final = "reads-two-views"
_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")


def configuration() -> dict[str, Any]:
    """emqx.conf as EMQX sees it."""
    tree = hocon.parse_file(str(CONF)).to_object()
    assert isinstance(tree, dict)
    return tree


class Emqx:
    """EMQX's side of the database."""

    def __init__(self, connection: asyncmy.Connection) -> None:
        self._connection = connection
        conf = configuration()
        (self._authenticator,) = conf["authentication"]
        self._authorization = conf["authorization"]

    @classmethod
    async def connect(cls, url: str, *, host: str, port: int) -> Self:
        """As the account of grants.sql."""
        database = url.rpartition("/")[2].partition("?")[0]
        return cls(
            await asyncmy.connect(
                host=host,
                port=port,
                user=USER,
                password=PASSWORD,
                database=database,
                charset="utf8mb4",
                autocommit=True,
            )
        )

    async def close(self) -> None:
        await self._connection.ensure_closed()

    async def login(self, username: str, password: str, *, clientid: str = "anything") -> bool:
        try:
            rows = await self.execute(self._authenticator["query"], username=username, clientid=clientid)
        except asyncmy.errors.OperationalError:
            return False  # as with no row, nobody is left to ask
        return bool(rows) and _matches_hash(self._authenticator["password_hash_algorithm"], rows[0], password)

    async def may(self, username: str, action: str, topic: str) -> bool:
        """`action` is publish or subscribe."""
        (source,) = self._authorization["sources"]
        for rule in await self.execute(source["query"], username=username, clientid="+"):
            if rule["action"] in (action, "all") and matches(topic, rule["topic"]):
                return bool(rule["permission"] == "allow")
        return bool(self._authorization["no_match"] == "allow")

    async def execute(self, query: str, **values: str) -> list[dict[str, Any]]:
        """Prepared by the server, as EMQX has it."""
        names = _PLACEHOLDER.findall(query)
        async with self._connection.cursor(asyncmy.cursors.DictCursor) as cursor:
            await cursor.execute("PREPARE emqx FROM %s", (_PLACEHOLDER.sub("?", query),))
            using = f" USING {', '.join(['%s'] * len(names))}" if names else ""
            await cursor.execute(f"EXECUTE emqx{using}", [values[name] for name in names])
            rows: list[dict[str, Any]] = list(await cursor.fetchall())
        return rows


def matches(topic: str, topic_filter: str) -> bool:
    """`emqx_topic:match`: a `+` or `#` of the asker is a word like any other, but for `#` under `+`."""
    words, wanted = topic.split("/"), topic_filter.split("/")
    if words[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for i, want in enumerate(wanted):
        if want == "#":
            return True
        if i >= len(words) or (want != words[i] and (want != "+" or words[i] == "#")):
            return False
    return len(words) == len(wanted)


def _matches_hash(algorithm: dict[str, Any], row: dict[str, Any], password: str) -> bool:
    assert algorithm["name"] == "pbkdf2"
    digest = hashlib.pbkdf2_hmac(algorithm["mac_fun"], password.encode(), row["salt"].encode(), algorithm["iterations"])
    assert row["is_superuser"] == 0
    return hmac.compare_digest(digest.hex(), row["password_hash"])
